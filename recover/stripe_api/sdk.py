"""The only importer of Stripe's SDK: connections, the pinned version, errors, pages.

All requests of `recover.stripe_api.account_client` go through here, so that the SDK's objects,
exceptions and logging reach no other module.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

import stripe
from stripe import RequestOptions
from stripe.params import (
    ChargeListParams,
    DisputeListParams,
    InvoiceListParams,
    InvoicePayParams,
    RefundListParams,
    SubscriptionCancelParams,
    SubscriptionListParams,
)
from stripe.params.radar import EarlyFraudWarningListParams

from recover.foundation.errors import StripeRejected, StripeUnavailable
from recover.stripe_api.json_fields import NOTHING, Json, child
from recover.stripe_api.results import refusal

__all__ = [
    "API_VERSION",
    "DEFAULT_API_BASE",
    "DEFAULT_CONNECT_BASE",
    "ChargeListParams",
    "Client",
    "Connections",
    "DisputeListParams",
    "EarlyFraudWarningListParams",
    "InvoiceListParams",
    "InvoicePayParams",
    "RefundListParams",
    "RequestOptions",
    "SubscriptionCancelParams",
    "SubscriptionListParams",
    "errors",
    "fetch_or_none",
    "page",
    "signed_by",
    "stream",
]

API_VERSION: Literal["2026-10-28.endive"] = "2026-10-28.endive"
DEFAULT_API_BASE = stripe.DEFAULT_API_BASE
DEFAULT_CONNECT_BASE = stripe.DEFAULT_CONNECT_API_BASE
Client = stripe.StripeClient

# Below WARNING the SDK logs requests, at DEBUG whole bodies with their client secrets.
logging.getLogger("stripe").setLevel(logging.WARNING)


class Connections(stripe.RequestsClient):
    """Keep-alive connections, one pool per thread, and new ones in a forked child.

    A socket used on both sides of a fork would hand one process the other's answer. ``timeout`` is
    in seconds, for connecting and for each wait on an answer.
    """

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._pid = os.getpid()

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        path = urlsplit(url).path
        if path.endswith("/") or "//" in path:
            # An empty id would turn reading one object into listing all, an update into a create.
            raise StripeRejected("An empty id was asked for.", code="resource_missing")
        if self._pid != os.getpid():
            self._thread_local = threading.local()
            self._pid = os.getpid()
        return super().request(method, url, *args, **kwargs)

    def client(self, secret_key: str, account_id: str, api_base: str, retries: int) -> Client:
        """A client for one account over these connections; cheap to make."""
        return stripe.StripeClient(
            secret_key,
            stripe_account=account_id or None,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")},
            max_network_retries=retries,
            http_client=self,
        )

    def platform(self, secret_key: str, client_id: str, connect_base: str) -> Client:
        """A client for the platform's OAuth. It repeats no request: a code is valid once, and
        Stripe revokes what it granted if a code comes twice.
        """
        return stripe.StripeClient(
            secret_key,
            client_id=client_id,
            base_addresses={"connect": connect_base.rstrip("/")},
            max_network_retries=0,
            http_client=self,
        )


@contextmanager
def errors() -> Iterator[None]:
    """Raise the SDK's exceptions as Recover's; the SDK's contain whole bodies."""
    try:
        yield
    except stripe.StripeError as error:
        raise refusal(error.http_status, _error_object(error), error.headers or NOTHING) from None
    except UnicodeDecodeError:  # a proxy's page in another encoding; the SDK does not expect one
        raise StripeUnavailable("Stripe's answer could not be read.") from None


def _error_object(error: stripe.StripeError) -> Json:
    """Stripe's error object; OAuth's, which is two strings, in the same form."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    if isinstance(body.get("error"), str):
        return {"code": body["error"], "message": body.get("error_description")}
    return child({"body": body}, "body", "error")


def fetch_or_none(read: Callable[[], stripe.StripeObject]) -> Json | None:
    """What ``read`` fetches; None if it does not exist."""
    try:
        with errors():
            return read().to_dict()
    except StripeRejected as error:
        if error.code == "resource_missing":
            return None
        raise


def stream(read: Callable[[], stripe.ListObject[Any]]) -> Iterator[Json]:
    """Each object of a list, page by page; none if the list's owner does not exist."""
    try:
        with errors():
            for item in read().auto_paging_iter():
                yield item.to_dict()
    except StripeRejected as error:
        if error.code != "resource_missing":
            raise


def page(read: Callable[[], stripe.ListObject[Any]]) -> tuple[list[Json], bool]:
    """One page of a list, by one request: its objects, and whether there are more."""
    with errors():
        json = read().to_dict()
    return [dict(item) for item in json.get("data") or ()], bool(json.get("has_more"))


def signed_by(secret: str, payload: bytes, header: str) -> bool:
    """The SDK's check, in constant time; without a tolerance it ignores the time stamp."""
    try:
        return bool(stripe.WebhookSignature.verify_header(payload, header, secret, tolerance=None))
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
