"""Idempotency keys: the first answer is kept for 24 hours of sandbox time and given again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.api.errors import ApiError

_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Kept:
    request: str  # method, path and parameters
    at: datetime
    status: int
    body: bytes


@dataclass(slots=True)
class IdempotencyKeys:
    _kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    _busy: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def hold(self, account: str, key: str) -> Iterator[None]:
        """One request per key at a time; a second one meanwhile gets Stripe's 409."""
        name = (account, key)
        with self._lock:
            if name in self._busy:
                raise ApiError(
                    409,
                    "There is currently another in-progress request using this Stripe-Idempotent "
                    "Key (that probably means you submitted twice, and the other request is still "
                    f"going through): {key}.",
                    type_="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._busy.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(name)

    def recall(self, account: str, key: str, request: str, now: datetime) -> Kept | None:
        kept = self._kept.get((account, key))
        if kept is None or now - kept.at >= _KEPT:
            return None
        if kept.request != request:
            raise ApiError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request.",
                type_="idempotency_error",
            )
        return kept

    def keep(self, account: str, key: str, kept: Kept) -> None:
        self._kept[account, key] = kept
