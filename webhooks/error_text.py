"""The text stored and logged about an unforeseen error: where it arose, without personal data."""

from __future__ import annotations

import traceback
from pathlib import Path

from recover.foundation.errors import RecoverError

LONGEST = 500


def failure_text(error: Exception) -> str:
    """The type of ``error`` and where it was raised; its message only if the error is Recover's.

    Messages of other libraries may quote a subscriber's data (a database error quotes the row).
    """
    kind = type(error).__name__
    if isinstance(error, RecoverError):
        return f"{kind}: {error}"[:LONGEST]
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return kind
    last = frames[-1]
    location = "/".join(Path(last.filename).parts[-2:])
    return f"{kind} in {location}:{last.lineno} ({last.name})"[:LONGEST]
