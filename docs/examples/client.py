"""A client of Recover's API in one file, with nothing but the standard library. Copy it.

recover = Recover("https://billing.example.com", "rcv_live_...")
recover.access("cus_NffrFeUfNV2Hib")["state"]        # fine, grace or limited
for case in recover.pages("/cases", state="open"):
    print(case["customer"], case["amount_minor"], case["currency"])
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

TIMEOUT = 5.0  # seconds
FRESH = 60.0  # seconds for which an answer about access is used again
TOLERANCE = 300  # seconds by which a webhook's signature may be old
FINE = {"state": "fine", "reason": "Recover could not be asked.", "since": None, "until": None}


class Problem(Exception):
    """What Recover answered instead (RFC 9457). ``status`` 0: it could not be reached."""

    def __init__(self, status: int, detail: str, content: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status = status
        self.content = content or {}


class Recover:
    """``base_url`` as in Recover's BASE_URL, without /api/v1."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base = base_url.rstrip("/") + "/api/v1"
        self._token = token
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        key: str = "",
    ) -> Any:
        """One call. ``key`` makes a POST safe to repeat. Raises Problem."""
        address = self._base + path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self._token}"}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(address, content, headers, method=method)  # noqa: S310 - our own base
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - as above
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise _problem(error) from None
        except OSError as error:
            raise Problem(0, f"Recover could not be reached: {error}") from None

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, newest first, page by page."""
        while True:
            page = self.call("GET", path, query=query)
            yield from page["data"]
            if page["next"] is None:
                return
            query["after"] = page["next"]

    def retry(self, case_id: str) -> dict[str, Any]:
        """Charge a case's card now; asked again after a broken connection, it charges once."""
        key = str(uuid.uuid4())
        try:
            return self.call("POST", f"/cases/{case_id}/retry", key=key)
        except Problem as problem:
            if problem.status:
                raise
            return self.call("POST", f"/cases/{case_id}/retry", key=key)

    def access(self, customer: str) -> dict[str, Any]:
        """What the customer may use. Where Recover is away nobody is locked out."""
        asked_at, known = self._known.get(customer, (float("-inf"), FINE))
        now = time.monotonic()
        if now - asked_at < FRESH:
            return known
        try:
            known = self.call("GET", f"/customers/{urllib.parse.quote(customer)}/access")
        except Problem as problem:
            if problem.status and problem.status < 500 and problem.status != 429:  # noqa: PLR2004 - HTTP's
                raise  # a wrong token or a missing scope should be seen, not swallowed
        self._known[customer] = (now, known)
        return known


def _problem(error: urllib.error.HTTPError) -> Problem:
    try:
        content = json.loads(error.read())
    except ValueError:
        content = {}
    return Problem(error.code, content.get("detail", error.reason), content)


def verified(body: bytes, header: str, secret: str, now: float | None = None) -> dict[str, Any]:
    """The event in a webhook: its raw ``body`` and its header Recover-Signature.

    Raises ValueError where it is not from Recover, or too old.
    """
    parts = [part.partition("=") for part in header.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    if not stamp.isdecimal() or abs((now or time.time()) - int(stamp)) > TOLERANCE:
        raise ValueError("the signature is missing or too old")
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not any(name == "v1" and hmac.compare_digest(value, wanted) for name, _, value in parts):
        raise ValueError("the signature does not match")
    event: dict[str, Any] = json.loads(body)
    return event


def full_access(
    recover: Recover, customer_of: Callable[[], str], turned_away: Callable[[dict[str, Any]], Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for views of a Flask application (or any other).

    ``customer_of`` names the Stripe customer who is asking; ``turned_away`` makes the answer for
    one who is limited, such as a page with the way to pay.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            access = recover.access(customer_of())
            return turned_away(access) if access["state"] == "limited" else view(*args, **kwargs)

        return guarded

    return decorate
