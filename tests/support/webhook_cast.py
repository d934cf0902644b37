"""Stripe's events as Stripe sends them: a snapshot's JSON, signed over its raw bytes."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime

PLATFORM_SECRET = "whsec_platform_0123456789"
HOOK_SECRET = "whsec_direct_0123456789"

_numbers = itertools.count(1)


def event(kind: str = "invoice.payment_failed", about: dict | None = None, **fields) -> dict:
    """An event of type ``kind`` about an object; a failed invoice unless told otherwise."""
    return {
        "id": f"evt_{next(_numbers)}",
        "object": "event",
        "type": kind,
        "api_version": "2026-10-28.endive",
        "created": int(datetime(2027, 3, 1, 9, tzinfo=UTC).timestamp()),
        "livemode": False,
        "data": {"object": about or {"id": "in_1", "object": "invoice", "customer": "cus_1"}},
        **fields,
    }


def body_of(content: dict) -> bytes:
    return json.dumps(content).encode()


def signature(body: bytes, secret: str, at: datetime) -> str:
    """The Stripe-Signature header, written here from Stripe's description of it."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
