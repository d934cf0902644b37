"""One broken object among many stops no other: what it failed of is set aside, and told later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from recover.foundation.errors import RecoverError, StripeAccessLost

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def set_aside(what: str, work: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """(what the work on one object came to, what it failed of); one of them is None.

    ``what`` names the object in the log. Raises StripeAccessLost, which is so for all others too.
    """
    try:
        return work(), None
    except StripeAccessLost:
        raise
    except RecoverError as error:
        log.warning("%s is set aside: %s", what, error)
        return None, error
    except Exception as error:
        log.exception("%s is set aside", what)
        return None, error


def for_each(ids: Iterable[str], work: Callable[[str], object], kind: str) -> None:
    """Do the work for each of these ids of one ``kind``; then raise the first failure, if any."""
    failures = [set_aside(f"{kind} {one}", partial(work, one))[1] for one in ids]
    if first := next(filter(None, failures), None):
        raise first


def in_words(error: Exception) -> str:
    """What it failed of, for a person. An error nobody foresaw may quote rows: only its kind."""
    if isinstance(error, RecoverError):
        return str(error)
    return f"Recover failed at it: {type(error).__name__}."
