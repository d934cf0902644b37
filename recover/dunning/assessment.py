"""What the facts amount to: which attempts count, and what the current card's declines call for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recover.dunning.declines import NO_METHOD_CODES, TABLE, DeclineCategory, DeclineRule, classify
from recover.dunning.facts import Card, Facts, Outcome, PastAttempt

_DECLINED = (Outcome.FAILED, Outcome.REQUIRES_ACTION)

RuledAttempt = tuple[PastAttempt, DeclineRule]
"""A failed attempt and what its decline calls for."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one decision asks of the same facts again and again, found once."""

    made: tuple[PastAttempt, ...]  # as in `attempts_made`
    ruled: tuple[RuledAttempt, ...]  # those that failed or were observed
    latest_failure: PastAttempt | None  # as in `latest_failure`
    latest_rule: DeclineRule | None  # what it calls for
    current_rule: DeclineRule  # as in `current_rule`


def assess(facts: Facts) -> Assessment:
    ruled = tuple(
        [
            (past, rule_of(past))
            for past in facts.attempts
            if past.outcome is Outcome.OBSERVED or tells_of_card(past)
        ]
    )
    failed = [(past, rule) for past, rule in ruled if past.outcome is not Outcome.OBSERVED]
    on_this_card = [each for each in failed if _same_credentials(facts.card, each[0].card)]
    latest, rule = (on_this_card or failed)[-1] if failed else (None, None)
    return Assessment(attempts_made(facts), ruled, latest, rule, _current_rule(facts, rule, failed))


def tells_of_card(past: PastAttempt) -> bool:
    """The bank declined, or Stripe refused to ask it because of the payment method itself.

    Any other refusal, of an amount for one, says nothing of the card.
    """
    if past.outcome is Outcome.REFUSED:
        return rule_of(past).known
    return past.outcome in _DECLINED


def refusals_in_a_row(facts: Facts) -> tuple[PastAttempt, ...]:
    """The latest attempts, as far as Stripe refused each for a reason that no card can mend."""
    row: list[PastAttempt] = []
    for past in reversed(attempts_made(facts)):
        if past.outcome is not Outcome.REFUSED or rule_of(past).known:
            break
        row.insert(0, past)
    return tuple(row)


def _current_rule(
    facts: Facts, latest: DeclineRule | None, failed: Iterable[RuledAttempt]
) -> DeclineRule:
    if facts.card is None:
        return TABLE["no_payment_method"]
    rule = latest or classify(None)
    if rule.category is not DeclineCategory.RETRY_LATER:
        return rule
    return _barring_rule(facts, facts.card, failed) or rule


def attempts_made(facts: Facts) -> tuple[PastAttempt, ...]:
    """The attempts that took place, or would have in observe mode; not the abandoned ones."""
    return tuple([past for past in facts.attempts if past.outcome is not Outcome.ABANDONED])


def failure_count(facts: Facts) -> int:
    """How often this invoice failed; refused and observed attempts count too. At least 1."""
    failures = (*_DECLINED, Outcome.REFUSED, Outcome.OBSERVED)
    return max(1, sum(past.outcome in failures for past in facts.attempts))


def had_no_method(attempt: PastAttempt) -> bool:
    """True for an attempt that failed for want of any payment method, and not by a decline."""
    decline = attempt.decline
    return attempt.card is None and (decline is None or decline.error_code in NO_METHOD_CODES)


def same_number(card: Card, other: Card) -> bool:
    """True where both are one card number (or bank account) as far as Stripe tells."""
    if card.fingerprint and other.fingerprint:
        return card.fingerprint == other.fingerprint
    return card.payment_method_id == other.payment_method_id


def rule_of(attempt: PastAttempt) -> DeclineRule:
    """What this failed attempt calls for."""
    if attempt.outcome is Outcome.REQUIRES_ACTION:
        return TABLE["authentication_required"]
    if had_no_method(attempt):
        return TABLE["no_payment_method"]
    brand = attempt.card.brand if attempt.card else ""
    return classify(attempt.decline, brand, on=attempt.at.date())


def latest_failure(facts: Facts) -> PastAttempt | None:
    """The last failed attempt on the current card; on any card where this one was never tried."""
    failed = [past for past in facts.attempts if tells_of_card(past)]
    on_this_card = [past for past in failed if _same_credentials(facts.card, past.card)]
    return next(reversed(on_this_card or failed), None)


def current_rule(facts: Facts) -> DeclineRule:
    """What the facts call for now; also which copy a mail takes (`subscriber_reason`).

    A card that was once refused for good stays refused, whatever it answered afterwards.
    """
    return assess(facts).current_rule


def barring_rule(facts: Facts) -> DeclineRule | None:
    """The hard decline, if any, that forbids unattended attempts on the current card.

    It belongs to the card: it counts on whichever invoice the card was refused.
    """
    if facts.card is None:
        return None
    failed = (past for past in facts.attempts if past.outcome in _DECLINED)
    return _barring_rule(facts, facts.card, [(past, rule_of(past)) for past in failed])


def _barring_rule(facts: Facts, card: Card, failed: Iterable[RuledAttempt]) -> DeclineRule | None:
    """Of several on this invoice the latest; else the latest on any other."""
    latest = None
    for past, rule in failed:
        if rule.bars_card and past.card is not None and _still_bars(rule, past.card, card):
            latest = rule
    return latest or _barring_rule_elsewhere(facts, card)


def _barring_rule_elsewhere(facts: Facts, card: Card) -> DeclineRule | None:
    for use in reversed(facts.card_uses):
        if use.succeeded or use.decline is None:
            continue
        refused = use.card or card
        rule = classify(use.decline, refused.brand, on=use.at.date())
        if rule.bars_card and _still_bars(rule, refused, card):
            return rule
    return None


def _still_bars(rule: DeclineRule, refused: Card, card: Card) -> bool:
    # A forbidden number stays forbidden, entered anew or with a new expiry date. Other hard codes
    # end with new card data: saving the same card again authenticates it, for one.
    if rule.category is DeclineCategory.NEVER:
        return same_number(refused, card)
    return card.same_credentials(refused)


def is_leaving(facts: Facts) -> bool:
    """The subscription is set to end, or the cardholder told the bank to stop these payments."""
    return facts.leaving or current_rule(facts).cancel_intent


def is_new_card(facts: Facts) -> bool:
    """True where the current card data was never tried on this invoice, and may be.

    A failed attempt whose card nobody knows could have been on this one: then it is not new.
    """
    card, made = facts.card, attempts_made(facts)
    if card is None or not made or barring_rule(facts) is not None:
        return False
    return all(
        had_no_method(past) if past.card is None else not card.same_credentials(past.card)
        for past in made
    )


def _same_credentials(card: Card | None, other: Card | None) -> bool:
    return card is not None and other is not None and card.same_credentials(other)
