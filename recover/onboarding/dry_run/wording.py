"""A dry run as sentences: what it counted, and what it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from recover.foundation.locales import english_day
from recover.models import Report

UNKNOWN = (
    (
        "Whether a retry of ours would have gone through. The bank was never asked at that hour."
        " Where a real one was made within twelve hours of it, its answer is shown beside ours; it"
        " is a hint, not the answer."
    ),
    "Whether a mail would have been acted on. Nobody got it.",
    (
        "Whether there was an address to write to, and whether its holder had asked for no mail:"
        " the history is read without names and addresses, so every customer counts as reachable."
    ),
    (
        "Where the customer's clock stood. The card's country tells, else your own zone; mails and"
        " retries keep to the day by it."
    ),
    (
        "How Stripe's retries were set at the time, and who made each retry: Stripe's charges do"
        " not say whether its schedule, a program of yours or a person asked for it."
    ),
    (
        "What our retries would have changed in Stripe's. In recover mode Stripe's retries are off;"
        " here they happened, and their answers are taken for what the bank would have told us."
    ),
)


def headline(report: Report) -> Iterator[str]:
    """The figures, a sentence each."""
    found = report.summary
    ends = (datetime.fromisoformat(found[end]) for end in ("since", "until"))
    span = " to ".join(english_day(end, "d MMMM y") for end in ends)
    if not found["invoices"]:
        yield f"From {span} no renewal failed. There is nothing to replay, which is good news."
        return
    yield (
        f"From {span} {found['invoices']} renewals failed at first. As if in {report.mode} mode,"
        f" timed by {found['timing']}:"
    )
    yield (
        f"  Retries: {found['theirs']} were really made on the same card; we would"
        f" have made {found['ours']}, {found['near']} of them within 12 hours of a real one."
    )
    each = found["mails"] / found["invoices"]
    most = max(count for count, _ in found["mails_each"])
    yield f"  Mails: {found['mails']}, {each:.1f} for each invoice, {most} at most."
    yield f"  Left alone altogether: {found['untouched']}, most over before our turn came."
    for name, theirs, ours in found["placement"]:
        yield f"  {name}: {theirs} real retries, {ours} of ours"
