"""Stands in front of the pretend Stripe: notes who asks for what, turns requests away, and lets
something else happen in the middle of one.

What happens at a chosen request happens before its answer leaves, so that two presses, or a press
and a webhook, meet at the same point in every run. No thread is raced against another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ERROR_PAGE = b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``by_product``: with a restricted key, as only the product holds one here."""

    at: datetime
    method: str
    path: str
    by_product: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """What matching requests get instead of an answer; an empty ``code`` is a proxy's HTML page."""

    match: str
    code: str
    status: int = 400

    def answer(self, start: StartResponse) -> Iterable[bytes]:
        error = {"type": "invalid_request_error", "code": self.code, "message": "This cannot be."}
        body = json.dumps({"error": error}).encode() if self.code else ERROR_PAGE
        kind = "application/json" if self.code else "text/html"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start(f"{self.status} Refused", headers)
        return [body]


@dataclass(slots=True)
class _Meeting:
    left: int
    act: Callable[[], object]


@dataclass(slots=True)
class Turnstile:
    """``wrap`` it around the application; it looks on once ``now``, the sandbox's clock, is set."""

    now: Callable[[], datetime] | None = None
    asked: list[Asked] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    _meetings: list[_Meeting] = field(default_factory=list)

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        def guarded(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            if self.now is None:
                return app(environ, start)
            asked = self._note(environ, self.now())
            if asked.by_product:
                self._meet()
            said = f"{asked.method} {asked.path}"
            refusal = next((one for one in self.refusals if one.match in said), None)
            return refusal.answer(start) if refusal and asked.by_product else app(environ, start)

        return guarded

    def refuse(self, match: str, code: str, status: int = 400) -> None:
        """From now on turn away the product's requests whose "METHOD /path" contains ``match``."""
        self.refusals.append(Refusal(match, code, status))

    def meet(self, nth: int, act: Callable[[], object]) -> None:
        """Let ``act`` happen while the product's ``nth`` request from now on waits (1: next)."""
        self._meetings.append(_Meeting(nth, act))

    def part(self) -> bool:
        """Forget what has not happened. True where something was left."""
        left = bool(self._meetings)
        self._meetings.clear()
        return left

    def _note(self, environ: dict[str, Any], at: datetime) -> Asked:
        key = str(environ.get("HTTP_AUTHORIZATION", "")).removeprefix("Bearer ")
        asked = Asked(at, environ["REQUEST_METHOD"], environ["PATH_INFO"], key.startswith("rk_"))
        self.asked.append(asked)
        return asked

    def _meet(self) -> None:
        for meeting in list(self._meetings):
            meeting.left -= 1
            if meeting.left <= 0:
                self._meetings.remove(meeting)
                meeting.act()
