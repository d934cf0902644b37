"""A served sandbox and Stripe's own client for it, shared by the sandbox's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
import stripe
from flask import Flask, request

from sandbox.api import create_stripe
from sandbox.sandbox import Sandbox
from sandbox.server import serve


class Desk:
    """One sandbox over HTTP, with the ways in."""

    def __init__(self, sandbox: Sandbox, url: str) -> None:
        self.sandbox = sandbox
        self.url = url
        self.client = self.as_key(sandbox.platform_key, sandbox.account_id)

    def as_key(self, key: str, account: str | None = None) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            stripe_account=account,
            max_network_retries=0,
        )

    def failed_invoice(self, *answers: str, card: str = "4242424242424242") -> str:
        """A renewal that failed with the first answer; the rest are the card's next ones."""
        customer = self.sandbox.add_customer(card=card)
        subscription = self.sandbox.add_subscription(customer)
        invoice = self.sandbox.fail_renewal(subscription, *answers[:1])
        self.sandbox.script(customer["id"], answers[1:])
        return invoice

    def raw(self, method: str, path: str, key: str | None = None, **kwargs: Any) -> Any:
        """A plain HTTP request with a key of the company's."""
        headers = {"Authorization": f"Bearer {key or self.sandbox.account_key}"}
        headers |= kwargs.pop("headers", {})
        return requests.request(method, self.url + path, headers=headers, timeout=10, **kwargs)

    def browser(self, path: str, method: str = "POST", **fields: str) -> Any:
        """A request as Stripe.js makes it, with the platform's publishable key."""
        form = {
            "key": self.sandbox.publishable_key,
            "_stripe_account": self.sandbox.account_id,
            **fields,
        }
        where = {"params": form} if method == "GET" else {"data": form}
        return requests.request(method, self.url + path, timeout=10, **where)


def error_of(call: Callable[[], object]) -> stripe.StripeError:
    """The error this call ends in; fails where it succeeds."""
    try:
        call()
    except stripe.StripeError as error:
        return error
    raise AssertionError("Stripe accepted it")


def code_of(error: stripe.StripeError) -> str | None:
    """Stripe's error code, which the library's own attribute knows for some classes only."""
    return error.json_body["error"].get("code")


@contextmanager
def open_desk(*args: Any, **kwargs: Any) -> Iterator[Desk]:
    sandbox = Sandbox(*args, **kwargs)
    running = serve(create_stripe(sandbox))
    sandbox.state.base_url = running.url
    try:
        yield Desk(sandbox, running.url)
    finally:
        running.stop()
        sandbox.close()


@contextmanager
def hook_receiver() -> Iterator[tuple[str, list[tuple[str, bytes]], list[int]]]:
    """(url, received (signature, body) pairs, statuses to answer next; else 200)."""
    app, received, statuses = Flask("receiver"), [], []

    @app.post("/hook")
    def hook() -> tuple[str, int]:
        received.append((request.headers["Stripe-Signature"], request.get_data()))
        return "", statuses.pop(0) if statuses else 200

    running = serve(app)
    try:
        yield f"{running.url}/hook", received, statuses
    finally:
        running.stop()
