"""What the facts amount to: which tries count, what the current card's declines call for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recover.dunning.declines import NO_METHOD_CODES, TABLE, DeclineCategory, DeclineRule, classify
from recover.dunning.facts import Card, Facts, Outcome, PastAttempt

_FAILURES = (Outcome.FAILED, Outcome.REQUIRES_ACTION)
_SPENT = (*_FAILURES, Outcome.OBSERVED)

Ruled = tuple[PastAttempt, DeclineRule]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one decision asks of the same facts again and again, found once."""

    made: tuple[PastAttempt, ...]
    ruled: tuple[Ruled, ...]  # the tries that failed or were observed, and what each calls for
    latest: PastAttempt | None  # as in `latest_failure`
    latest_rule: DeclineRule | None
    rule: DeclineRule  # as in `current_rule`


def read(facts: Facts) -> Reading:
    ruled = tuple([(past, rule_of(past)) for past in facts.attempts if past.outcome in _SPENT])
    failed = [each for each in ruled if each[0].outcome is not Outcome.OBSERVED]
    on_this = [each for each in failed if _same_data(facts.card, each[0].card)]
    latest, rule = (on_this or failed)[-1] if failed else (None, None)
    return Reading(made(facts), ruled, latest, rule, _current(facts, rule, failed))


def _current(facts: Facts, latest: DeclineRule | None, failed: Iterable[Ruled]) -> DeclineRule:
    if facts.card is None:
        return TABLE["no_payment_method"]
    rule = latest or classify(None)
    if rule.category is not DeclineCategory.RETRY_LATER:
        return rule
    return _barring(facts.card, failed) or rule


def made(facts: Facts) -> tuple[PastAttempt, ...]:
    """The tries that took place, or would have in observe mode. Abandoned ones never happened."""
    return tuple([past for past in facts.attempts if past.outcome is not Outcome.ABANDONED])


def failures(facts: Facts) -> int:
    """How often this invoice has failed, with observed tries taken as failures; at least 1."""
    return max(1, sum(past.outcome in _SPENT for past in facts.attempts))


def had_no_method(attempt: PastAttempt) -> bool:
    """True for a try that failed for want of any payment method, rather than by a decline."""
    decline = attempt.decline
    return attempt.card is None and (decline is None or decline.error_code in NO_METHOD_CODES)


def same_number(card: Card, other: Card) -> bool:
    """True where both are one card number (or bank account) as far as Stripe tells."""
    if card.fingerprint and other.fingerprint:
        return card.fingerprint == other.fingerprint
    return card.payment_method_id == other.payment_method_id


def rule_of(attempt: PastAttempt) -> DeclineRule:
    """What this failed try calls for."""
    if attempt.outcome is Outcome.REQUIRES_ACTION:
        return TABLE["authentication_required"]
    if had_no_method(attempt):
        return TABLE["no_payment_method"]
    brand = attempt.card.brand if attempt.card else ""
    return classify(attempt.decline, brand, on=attempt.at.date())


def latest_failure(facts: Facts) -> PastAttempt | None:
    """The last failed try on the current card; of any card where this one was never tried."""
    failed = [past for past in facts.attempts if past.outcome in _FAILURES]
    on_this = [past for past in failed if _same_data(facts.card, past.card)]
    return next(reversed(on_this or failed), None)


def current_rule(facts: Facts) -> DeclineRule:
    """What the present situation calls for; also which copy a mail takes (`subscriber_reason`).

    A card that was once refused for good stays refused, whatever it answered afterwards.
    """
    return read(facts).rule


def barring_rule(facts: Facts) -> DeclineRule | None:
    """The hard decline, if any, that forbids unattended tries on the current card."""
    if facts.card is None:
        return None
    failed = (past for past in facts.attempts if past.outcome in _FAILURES)
    return _barring(facts.card, [(past, rule_of(past)) for past in failed])


def _barring(card: Card, failed: Iterable[Ruled]) -> DeclineRule | None:
    """Of several the latest."""
    found = None
    for past, rule in failed:
        if rule.bars_card and past.card is not None and _still_bars(rule, past.card, card):
            found = rule
    return found


def _still_bars(rule: DeclineRule, refused: Card, card: Card) -> bool:
    # A forbidden number stays forbidden, entered anew or with a new expiry date. Other hard codes
    # end with new card data: saving the same card again authenticates it, for one.
    if rule.category is DeclineCategory.NEVER:
        return same_number(refused, card)
    return card.same_credentials(refused)


def is_new_card(facts: Facts) -> bool:
    """True where the current card data was never tried on this invoice, and may be.

    A failed try whose card nobody knows could have been this one: then the answer is False.
    """
    card, tried = facts.card, made(facts)
    if card is None or not tried or barring_rule(facts) is not None:
        return False
    return all(
        had_no_method(past) if past.card is None else not card.same_credentials(past.card)
        for past in tried
    )


def _same_data(card: Card | None, other: Card | None) -> bool:
    return card is not None and other is not None and card.same_credentials(other)
