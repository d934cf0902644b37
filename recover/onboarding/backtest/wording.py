"""The report as a founder reads it: lines of plain English."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from recover.foundation.locales import english_day
from recover.foundation.money import format_money
from recover.onboarding.backtest.audit import Audit, Fault, Finding
from recover.onboarding.backtest.off_policy import Estimate, Interval
from recover.onboarding.backtest.renewals import STILL_RUNNING, Ending
from recover.onboarding.backtest.report import Report

_SPAN = re.compile(r"(\d{1,3})(d|mo|y)")

ENDINGS = {
    Ending.RETRY: "paid by a later attempt on the same card",
    Ending.OTHER_CARD: "paid by another card or new card details",
    Ending.ELSEWHERE: "paid, but not by a charge on Stripe that we saw",
    Ending.VOID: "voided",
    Ending.UNCOLLECTIBLE: "marked uncollectible",
    Ending.OPEN: f"still unpaid after {STILL_RUNNING.days} days",
    Ending.RUNNING: "unpaid, and too young to call",
}
FAULTS = {
    Fault.OVER_LIMIT: "went beyond what the network allows",
    Fault.FORBIDDEN: "were on a card that the network or the bank had forbidden to charge again",
    Fault.HARD: "followed a code that Stripe itself never retries, on the same card",
    Fault.NEEDS_CUSTOMER: "were made although the customer had to act first, and had not",
    Fault.TOO_SOON: "came before the time that the network or Stripe had asked to wait for",
}
GROUPS = {
    "all": "All declines",
    "payday": "Insufficient funds and the like",
    "day": "Declines that may pass in days",
    "soon": "Technical failures",
}


def start_of(text: str, now: datetime) -> datetime:
    """As far before ``now`` as "18mo", "90d" or "2y" say, or a date's midnight in UTC.

    Raises ValueError.
    """
    if match := _SPAN.fullmatch(text.strip().lower()):
        count, unit = int(match[1]), match[2]
        if unit == "d":
            return now - timedelta(days=count)
        return _months_before(now, count * 12 if unit == "y" else count)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _months_before(now: datetime, months: int) -> datetime:
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    if year < 1:
        raise ValueError("before the year 1")
    day = min(now.day, monthrange(year, month + 1)[1])
    return now.replace(year=year, month=month + 1, day=day)


def lines(report: Report) -> Iterator[str]:
    """The whole report; a line that begins with a blank belongs to the one before."""
    span = " to ".join(english_day(at, "dd MMMM y") for at in (report.since, report.until))
    yield f"From {span}: {report.renewals} renewals, of which {report.failed} failed at first."
    if not report.failed:
        yield "There is nothing to judge."
        return
    yield from _ending_lines(report)
    if attempts := report.tries:
        yield f"Payment attempts per invoice: {attempts.mean} on average, {attempts.most} at most."
    yield from _audit_lines(report.audit)
    yield from _placement_lines(report)
    yield "What our times would have given:"
    for one in report.estimates:
        yield from _estimate_lines(one)
    yield from (f"Note: {text}" for text in report.warnings)


def _ending_lines(report: Report) -> Iterator[str]:
    for ending, words in ENDINGS.items():
        found = [line for line in report.endings if line.ending is ending]
        money = " + ".join(format_money(line.amount_minor, line.currency) for line in found)
        if found:
            yield f"  {sum(line.invoices for line in found)} {words}: {money}"


def _audit_lines(audit: Audit) -> Iterator[str]:
    if not audit.faulty:
        yield f"Of {audit.retries} retries, none broke a rule that can be checked."
        return
    wasted = f"{audit.wasted} of them failed: authorisations spent for nothing"
    wrong = f"{audit.faulty} should not have been made when they were"
    yield f"Of {audit.retries} retries, {wrong}; {wasted}."
    for finding in audit.findings:
        yield from _finding_lines(finding)


def _finding_lines(finding: Finding) -> Iterator[str]:
    head = f"  {finding.tries} on {finding.invoices} invoices {FAULTS[finding.fault]}"
    yield f"{head}; {finding.succeeded} succeeded even so."
    yield from (f"    {rule}" for rule in finding.rules[:5])
    yield f"    such as {', '.join(finding.examples)}"


def _placement_lines(report: Report) -> Iterator[str]:
    if report.placements:
        yield "How long each retry waited after the decline, and how long ours would have:"
    for one in report.placements:
        yield f"  retry {one.retry}, {one.wait}: {one.theirs} made; ours {one.ours}"
    left = report.left_alone
    if left.tries:
        yield f"We would not have made {left.tries} retries; {left.succeeded} of them succeeded."


def _estimate_lines(one: Estimate) -> Iterator[str]:
    name = GROUPS.get(one.group, one.group)
    yield f"  {name}: {one.tries} retries, {one.matched} of them on the day we would have chosen."
    if one.ours is None or one.theirs is None or one.difference is None:
        yield f"    Too little data to say: {'; '.join(one.too_little)}."
        return
    size = f"{one.effective_size:.0f} effective retries"
    yield f"    Ours: {_share(one.ours)} of retries would have succeeded ({size})."
    yield f"    Theirs: {_share(one.theirs)} did. {_verdict(one.difference)}"


def _share(share: Interval) -> str:
    return f"{share.value:.1%} (95%: {share.low:.1%} to {share.high:.1%})"


def _verdict(difference: Interval) -> str:
    points = f"{difference.low * 100:+.1f} to {difference.high * 100:+.1f} points"
    if difference.low > 0:
        return f"Ours would have done better, by {points}."
    if difference.high < 0:
        return f"Ours would have done worse, by {points}."
    return f"No difference can be told: it is somewhere from {points}."
