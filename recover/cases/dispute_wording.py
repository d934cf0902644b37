"""How a dispute or an early fraud warning stands, in a sentence for the company's own people."""

from __future__ import annotations

from recover.dunning import stop_conditions as rule
from recover.dunning.local_time import local
from recover.foundation.locales import english_day
from recover.foundation.money import format_money
from recover.models import DisputeKind, KnownDispute

_STANDS = {
    "warning_needs_response": "their bank asks about it; no money was taken, and it is not answered"
    " yet",
    "warning_under_review": "their bank asks about it; no money was taken, and it looks at the"
    " answer",
    "needs_response": "disputed, and not answered yet",
    "under_review": "disputed, and the bank looks at the answer",
    "appeal_needs_response": "disputed, and the appeal is not answered yet",
    "appeal_under_review": "disputed, and the bank looks at the appeal",
    "prevented": "disputed, and settled before the bank took the money",
    "lost": "disputed, and the dispute was lost",
    rule.UNREADABLE: "disputed; our key may not read how it stands",
}
_WARNED = {
    rule.ACTIONABLE: "reported as fraud by their bank; no money was taken. Most such reports become"
    " disputes if nothing is done. Giving the money back in Stripe settles it",
    rule.UNREADABLE: "reported as fraud by their bank; our key may not read how that stands",
}


def sentence(row: KnownDispute, timezone: str) -> str:
    """Such as "$29.00, charged on 5 Nov 2026: disputed, and not answered yet."."""
    day = english_day(local(row.charged_at, timezone), "d MMM y")
    amount = format_money(row.amount_minor, row.currency)
    return f"{amount}, charged on {day}: {_standing(row)}."


def _standing(row: KnownDispute) -> str:
    known = _WARNED if row.kind == DisputeKind.WARNING else _STANDS
    return known.get(row.status, f"disputed; Stripe calls it {row.status.replace('_', ' ')}")
