"""Signed events over HTTP, with Stripe's retries in sandbox time and chaos on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter

import requests

from sandbox.state import Obj, State, Store

_BACKOFF_HOURS = (1 / 12, 0.5, 2, 5, 10, 10, 10, 10, 10, 10)  # then Stripe gives up, after 3 days
_TIMEOUT_SECONDS = 20


@dataclass(slots=True)
class _Due:
    at: datetime
    endpoint: Obj
    store: Store  # whose event it is
    event: Obj
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One line of the log. ``status``: the HTTP answer, 0 where there was none."""

    at: datetime
    event: str
    type: str
    endpoint: str
    attempt: int
    status: int


@dataclass(slots=True)
class Webhooks:
    """The queue of deliveries, and chaos.

    ``duplicate``: how often each event is sent; ``shuffle``: not in order; ``lose``: the share of
    events never sent at all.
    """

    state: State
    duplicate: int = 1
    shuffle: bool = False
    lose: float = 0.0
    secrets: dict[str, str] = field(default_factory=dict)  # by endpoint id
    connect: set[str] = field(default_factory=set)  # endpoints for events of connected accounts
    deliveries: list[Delivery] = field(default_factory=list)
    _queue: list[_Due] = field(default_factory=list)
    _rounds: int = 0
    _posting: threading.Lock = field(default_factory=threading.Lock)
    _session: requests.Session = field(default_factory=requests.Session)

    def listen(self, store: Store, event: Obj) -> None:
        """Queue a new event for every endpoint that wants it."""
        if self.lose and self.state.chance.unit("lose", event["id"]) < self.lose:
            return
        for owner in self.state.stores.values():
            for endpoint in owner.all("webhook_endpoint"):
                if self._wanted(owner, endpoint, store, event):
                    due = _Due(self.state.now(), endpoint, store, event)
                    self._queue += [due] * self.duplicate

    def _wanted(self, owner: Store, endpoint: Obj, store: Store, event: Obj) -> bool:
        foreign = owner is not store
        events = endpoint["enabled_events"]
        return (
            endpoint["status"] == "enabled"
            and foreign == (endpoint["id"] in self.connect)
            and not (foreign and store.deauthorized and not event["type"].startswith("account."))
            and ("*" in events or event["type"] in events)
        )

    @property
    def pending(self) -> int:
        """Deliveries that are still to be made, now or later."""
        return len(self._queue)

    def put_off(self, by: timedelta) -> None:
        """What nobody was sent yet comes so much later, as on a bad day at Stripe."""
        with self.state.lock:
            for due in self._queue:
                due.at = max(due.at, self.state.now() + by) if not due.attempt else due.at

    def next_due_at(self) -> datetime | None:
        with self.state.lock:
            return min((due.at for due in self._queue), default=None)

    def deliver_due(self) -> int:
        """Send what is due now, one after another, and wait for each answer; how many were sent.

        What these deliveries cause is due at the next call.
        """
        with self._posting:
            batch = self._take_due()
            for due in batch:
                self._deliver(due)
        return len(batch)

    def _take_due(self) -> list[_Due]:
        with self.state.lock:
            now = self.state.now()
            batch = [due for due in self._queue if due.at <= now]
            self._queue = [due for due in self._queue if due.at > now]
            self._rounds += 1
            if self.shuffle:
                self.state.chance.rng("shuffle", self._rounds).shuffle(batch)
            else:
                batch.sort(key=attrgetter("at"))
            return batch

    def _deliver(self, due: _Due) -> None:
        if due.endpoint["id"] not in self.secrets:
            return  # the endpoint is gone
        status = self._post(due)
        with self.state.lock:
            now = self.state.now()
            self.deliveries.append(
                Delivery(
                    at=now,
                    event=due.event["id"],
                    type=due.event["type"],
                    endpoint=due.endpoint["id"],
                    attempt=due.attempt,
                    status=status,
                )
            )
            if not 200 <= status < 300 and due.attempt < len(_BACKOFF_HOURS):
                wait = timedelta(hours=_BACKOFF_HOURS[due.attempt])
                again = _Due(now + wait, due.endpoint, due.store, due.event, due.attempt + 1)
                self._queue.append(again)

    def _post(self, due: _Due) -> int:
        body = self.body(due.endpoint, due.store, due.event)
        secret = self.secrets[due.endpoint["id"]]
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, secret, self.state.epoch()),
        }
        try:
            answer = self._session.post(
                due.endpoint["url"],
                data=body,
                headers=headers,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException:
            return 0
        return answer.status_code

    def body(self, endpoint: Obj, store: Store, event: Obj) -> bytes:
        """The event as this endpoint receives it."""
        shown = deepcopy(event)
        shown["api_version"] = endpoint["api_version"] or event["api_version"]
        shown["pending_webhooks"] = 1
        if endpoint["id"] in self.connect:
            shown["account"] = store.id
        return json.dumps(shown, indent=2).encode()

    def close(self) -> None:
        self._session.close()


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header: ``t=...,v1=...``."""
    signed = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
