"""What one policy came to on one seed's invoices, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sandbox.books import Books
from sandbox.evaluation.case import Case
from sandbox.evaluation.play import tries_made
from sandbox.verdict import RULES

# Mastercard's advice: how long to wait, in hours; and never again.
_ADVICE_HOURS = {"24": 1, "25": 24, "26": 48, "27": 96, "28": 144, "29": 192, "30": 240}
_ADVICE_NEVER = frozenset({"03", "21"})
_FORTNIGHT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Tally:
    """Shares and means over a seed's failed invoices; ``violations`` is a count."""

    recovered: float  # within the window, by anything
    recovered_money: float
    recovered_by_day_14: float
    retry_only: float  # if nobody were written to and nobody acted on their own
    authorisations: float  # retries per failed invoice, up to the end of its case
    days_past_due: float  # to the hour; the whole window where nothing was recovered
    mails: float
    cancelled: float
    violations: float


METRICS = tuple(field.name for field in fields(Tally))


@dataclass(frozen=True, slots=True)
class Ending:
    """How one case ended when mails and retries both had their chance."""

    recovered_at: datetime | None
    ends_at: datetime
    tries: int
    mails: int
    cancelled: bool


def ending(case: Case, window: timedelta) -> Ending:
    contact, until = case.invoice.contact, case.invoice.failed_at + window
    saved, cancelled = contact.saved_at, contact.cancelled_at
    left = case.retried_at is None or bool(cancelled and cancelled <= case.retried_at)
    times = [at for at in (case.retried_at, saved) if at and at < until]
    recovered = min(times, default=None)
    if cancelled and cancelled < until and left:
        return _ending(case, None, cancelled, cancelled=True)
    return _ending(case, recovered, recovered or until, cancelled=False)


def _ending(
    case: Case, recovered: datetime | None, ends_at: datetime, *, cancelled: bool
) -> Ending:
    mails = sum(at < ends_at for at in case.invoice.contact.mails_at)
    tries = sum(tried.at < ends_at or tried.at == recovered for tried in tries_made(case))
    return Ending(recovered, ends_at, tries, mails, cancelled)


def tally(cases: Sequence[Case], window: timedelta) -> Tally:
    """At least one case."""
    ends = [ending(case, window) for case in cases]
    pairs = list(zip(cases, ends, strict=True))
    count, dollars = len(cases), sum(case.invoice.dollars for case in cases)
    won = [(case, end) for case, end in pairs if end.recovered_at]
    past_due = sum((_past_due(case, end, window) for case, end in pairs), timedelta())
    return Tally(
        recovered=len(won) / count,
        recovered_money=sum(case.invoice.dollars for case, _ in won) / dollars,
        recovered_by_day_14=sum(_by_day_14(case, end) for case, end in won) / count,
        retry_only=sum(case.retried_at is not None for case in cases) / count,
        authorisations=sum(end.tries for end in ends) / count,
        days_past_due=past_due / timedelta(days=1) / count,
        mails=sum(end.mails for end in ends) / count,
        cancelled=sum(end.cancelled for end in ends) / count,
        violations=violations(cases),
    )


def _past_due(case: Case, end: Ending, window: timedelta) -> timedelta:
    failed_at = case.invoice.failed_at
    return (end.recovered_at or failed_at + window) - failed_at


def _by_day_14(case: Case, end: Ending) -> bool:
    at = end.recovered_at
    return at is not None and at - case.invoice.failed_at <= _FORTNIGHT


def violations(cases: Sequence[Case]) -> int:
    """Tries that break a rule, counted by the sandbox's own books and not by the product."""
    tries = [one for case in cases for one in case.tries]
    faults = Books(tries=tries).faults()
    return sum(faults[rule] for rule in RULES) + sum(map(_against_advice, cases))


def _against_advice(case: Case) -> int:
    """Tries that Mastercard's latest advice told to wait, or never to make."""
    count = 0
    answers = [past for past in case.facts.attempts if past.decline]
    for past, one in zip(answers, case.tries[1:], strict=False):
        advice = past.decline.network_advice_code if past.decline else ""
        waits = timedelta(hours=_ADVICE_HOURS.get(advice, 0))
        count += advice in _ADVICE_NEVER or one.at - past.at < waits
    return count
