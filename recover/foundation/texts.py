"""Texts from outside, made fit for the database: its columns are so wide, and hold no NUL."""

from __future__ import annotations

SHORT = 255  # characters, as wide as most columns


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot store: NULs, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def fit(text: str, longest: int = SHORT) -> str:
    """`storable`, and cut to ``longest`` characters."""
    return storable(text)[:longest]
