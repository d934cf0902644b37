"""Reads an account's history from Stripe into files, continuing where a killed run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from recover.onboarding.backtest.files import HistoryFiles, Kind, Listing, Span
from recover.stripe_api.gateway import StripeAccount
from recover.stripe_api.objects import Invoice

Progress = Callable[[str, datetime], None]
"""Called with what is read ("invoices", "charges") and how far back the reading is."""


def read(stripe: StripeAccount, files: HistoryFiles, span: Span, progress: Progress) -> None:
    """Fetch what ``files`` lacks. Raises StripeUnavailable, StripeAccessLost; then call it again.

    A cursor would fail once its object is deleted, so a run continues by time: from the second of
    the oldest object it has, which is fetched once more and recognised by its id.
    """
    _copy(files.invoices, partial(_invoices, stripe, span), span, partial(progress, "invoices"))
    _copy(
        files.charges,
        partial(stripe.account_charges, span.since),
        span,
        partial(progress, "charges"),
    )


def _copy(
    listing: Listing[Kind],
    ask: Callable[[datetime], Iterator[Kind]],
    span: Span,
    progress: Callable[[datetime], None],
) -> None:
    if not listing.complete:
        until = min((one.created_at for one in listing), default=span.until)
        for one in listing.extend(ask(until)):
            progress(one.created_at)
    progress(span.since)


def _invoices(stripe: StripeAccount, span: Span, until: datetime) -> Iterator[Invoice]:
    return stripe.invoices(created_since=span.since, created_until=until)
