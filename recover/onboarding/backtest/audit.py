"""Which past retries broke a rule, or could hardly have worked. Pure.

Only retries are judged: the first attempt on an invoice is a purchase of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recover.dunning import DeclineCategory, Facts, Outcome, PastAttempt, rule_of, rules_for
from recover.dunning.assessment import barring_rule, latest_failure
from recover.dunning.wording import span
from recover.onboarding.backtest.core_facts import Uses, declines_between, facts_before
from recover.onboarding.backtest.renewals import NOT_SENT, History

EXAMPLES = 5


class Fault(StrEnum):
    """What was wrong with a retry; one retry may have several."""

    OVER_LIMIT = "over_limit"  # more attempts than the network allows in its window
    FORBIDDEN = "forbidden"  # the network or the bank had forbidden this card for good
    HARD = "hard"  # on Stripe's list of codes that need a new payment method
    NEEDS_CUSTOMER = "needs_customer"  # the customer had to act first, and had not
    TOO_SOON = "too_soon"  # before the time the network or Stripe had asked to wait for


@dataclass(frozen=True, slots=True)
class Finding:
    """All retries with one fault."""

    fault: Fault
    tries: int
    succeeded: int  # of these; such a retry was not wasted, whatever the rule says
    invoices: int
    first_at: datetime
    last_at: datetime
    rules: tuple[str, ...]  # the rules in question, with their sources, most frequent first
    examples: tuple[str, ...]  # invoice ids, the newest first


@dataclass(frozen=True, slots=True)
class _Breach:
    fault: Fault
    invoice_id: str
    nth: int
    at: datetime
    succeeded: bool
    rule: str


@dataclass(frozen=True, slots=True)
class Audit:
    """``faulty`` counts each retry once; ``wasted`` those of them that failed."""

    retries: int
    faulty: int
    wasted: int
    findings: tuple[Finding, ...]


def audit(histories: Iterable[History], uses: Uses) -> Audit:
    """Judge every retry by the rules in force on its day."""
    retries, breaches = 0, list[_Breach]()
    for history in histories:
        for nth in range(1, len(history.attempts)):
            retries += 1
            breaches.extend(_breaches(history, nth, uses))
    faulty = {(one.invoice_id, one.nth): one.succeeded for one in breaches}
    return Audit(
        retries=retries,
        faulty=len(faulty),
        wasted=sum(not succeeded for succeeded in faulty.values()),
        findings=tuple(
            _finding(fault, [one for one in breaches if one.fault is fault])
            for fault in Fault
            if any(one.fault is fault for one in breaches)
        ),
    )


def _breaches(history: History, nth: int, uses: Uses) -> Iterator[_Breach]:
    this, facts = history.attempts[nth], facts_before(history, nth, uses)
    succeeded = this.outcome is Outcome.SUCCEEDED
    for fault, rule in _faults(this, facts, uses):
        yield _Breach(fault, history.invoice.id, nth, this.at, succeeded, rule)


def _faults(this: PastAttempt, facts: Facts, uses: Uses) -> Iterator[tuple[Fault, str]]:
    if over := _over_limit(this, uses):
        yield Fault.OVER_LIMIT, over
    bar, latest = barring_rule(facts), latest_failure(facts)
    if bar and bar.category is DeclineCategory.NEVER:
        yield Fault.FORBIDDEN, bar.text
    elif bar:
        yield Fault.HARD, f"{bar.code}: {bar.text}"
    if latest is None or latest.card is None or this.card is None:
        return
    if not this.card.same_credentials(latest.card):
        return
    rule = rule_of(latest)
    if bar is None and rule.category is not DeclineCategory.RETRY_LATER:
        yield Fault.NEEDS_CUSTOMER, f"{rule.code}: {rule.text}"
    if rule.not_before and this.at < latest.at + rule.not_before:
        yield Fault.TOO_SOON, f"{rule.code}: not before {span(rule.not_before)} had passed"


def _over_limit(this: PastAttempt, uses: Uses) -> str:
    """The limit that this attempt exceeded; "" if none, or if it never reached the network."""
    blocked = this.decline is not None and this.decline.network_status == NOT_SENT
    if this.card is None or blocked:
        return ""
    rules = rules_for(
        this.card.brand if this.card.type == "card" else this.card.type, this.at.date()
    )
    limits = [(rules.network_attempts, rules.window)]
    if rules.max_per_day is not None:
        limits.append((rules.max_per_day, timedelta(hours=24)))
    for limit, window in limits:
        if declines_between(uses, this.card, this.at - window, this.at) >= limit:
            within = f"{window.days} days" if window.days > 1 else "24 hours"
            return f"{rules.network}: {limit} attempts in {within} ({rules.source})"
    return ""


def _finding(fault: Fault, breaches: list[_Breach]) -> Finding:
    rules = [one.rule for one in breaches]
    newest = sorted(breaches, key=lambda one: (one.at, one.invoice_id), reverse=True)
    invoices = dict.fromkeys(one.invoice_id for one in newest)
    return Finding(
        fault=fault,
        tries=len(breaches),
        succeeded=sum(one.succeeded for one in breaches),
        invoices=len(invoices),
        first_at=newest[-1].at,
        last_at=newest[0].at,
        rules=tuple(sorted(set(rules), key=lambda rule: (-rules.count(rule), rule))),
        examples=tuple(invoices)[:EXAMPLES],
    )
