"""Sums up many replays: it counts acts, never money that might have been recovered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from recover.onboarding.dry_run.replay import Event, Kind, PastRenewal

DAYS = (0, 1, 2, 3, 5, 7, 10, 14, 21)
"""Upper ends of the groups of the placement, in days since the first failure."""


def line(renewal: PastRenewal, events: Iterable[Event]) -> dict[str, Any]:
    """One invoice of the report, as JSON."""
    found = list(events)
    kinds = Counter(event.kind for event in found)
    left = next((event.text for event in found if event.kind is Kind.LEFT), "")
    return {
        "customer": renewal.invoice.customer_id,
        "amount_minor": renewal.invoice.amount_due_minor,
        "currency": renewal.invoice.currency,
        "failed_at": renewal.failed_at.isoformat(),
        "ending": renewal.ending,
        "timezone": renewal.timezone,
        "theirs": kinds[Kind.REAL_RETRY],
        "new_cards": kinds[Kind.NEW_CARD],
        "ours": kinds[Kind.OUR_RETRY],
        "mails": kinds[Kind.OUR_MAIL],
        "near": sum(event.kind is Kind.OUR_RETRY and bool(event.note) for event in found),
        "left": left,
        "theirs_on": [
            _day_group(renewal, event.at) for event in found if event.kind is Kind.REAL_RETRY
        ],
        "ours_on": [
            _day_group(renewal, event.at) for event in found if event.kind is Kind.OUR_RETRY
        ],
        "events": [
            {"at": e.at.isoformat(), "kind": str(e.kind), "text": e.text, "note": e.note}
            for e in found
        ],
    }


def _day_group(renewal: PastRenewal, at: datetime) -> int:
    days = (at - renewal.failed_at).days
    return next((day for day in DAYS if days <= day), DAYS[-1] + 1)


def summary(bodies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures on top of the report, as JSON. ``left`` and ``placement`` in order."""
    sums, mails = Counter[str](), Counter[int]()
    endings, left = Counter[str](), Counter[str]()
    theirs, ours = Counter[int](), Counter[int]()
    for body in bodies:
        sums.update({name: body[name] for name in ("theirs", "new_cards", "ours", "mails", "near")})
        sums["invoices"] += 1
        sums["untouched"] += not (body["ours"] or body["mails"])
        mails[body["mails"]] += 1
        endings[body["ending"]] += 1
        theirs.update(body["theirs_on"])
        ours.update(body["ours_on"])
        if body["left"]:
            left[body["left"]] += 1
    return {
        **{
            name: sums[name]
            for name in ("invoices", "theirs", "new_cards", "ours", "mails", "near", "untouched")
        },
        "mails_each": sorted(mails.items()),
        "endings": endings.most_common(),
        "left": left.most_common(12),
        "placement": [
            [_group_name(day), theirs[day], ours[day]]
            for day in (*DAYS, DAYS[-1] + 1)
            if theirs[day] or ours[day]
        ],
    }


def _group_name(day: int) -> str:
    if day > DAYS[-1]:
        return f"after {DAYS[-1]} days"
    at = DAYS.index(day)
    if day == 0:
        return "same day"
    low = DAYS[at - 1] + 1
    if low == day:
        return f"day {day}"
    return f"days {low} to {day}"
