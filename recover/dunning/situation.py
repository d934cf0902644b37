"""What the facts amount to: which tries count, what the current card's declines call for."""

from __future__ import annotations

from recover.dunning.declines import NO_METHOD_CODES, TABLE, DeclineCategory, DeclineRule, classify
from recover.dunning.facts import Card, Facts, Outcome, PastAttempt

_FAILURES = (Outcome.FAILED, Outcome.REQUIRES_ACTION)


def made(facts: Facts) -> tuple[PastAttempt, ...]:
    """The tries that took place, or would have in observe mode. Abandoned ones never happened."""
    return tuple(past for past in facts.attempts if past.outcome is not Outcome.ABANDONED)


def failures(facts: Facts) -> int:
    """How often this invoice has failed, with observed tries taken as failures; at least 1."""
    spent = (*_FAILURES, Outcome.OBSERVED)
    return max(1, sum(past.outcome in spent for past in facts.attempts))


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
    if facts.card is None:
        return TABLE["no_payment_method"]
    latest = latest_failure(facts)
    rule = rule_of(latest) if latest else classify(None)
    if rule.category is DeclineCategory.RETRY_LATER and (bar := barring_rule(facts)):
        return bar
    return rule


def barring_rule(facts: Facts) -> DeclineRule | None:
    """The hard decline, if any, that forbids unattended tries on the current card."""
    card = facts.card
    for past in reversed(facts.attempts):
        if card is None or past.outcome not in _FAILURES or past.card is None:
            continue
        rule = rule_of(past)
        if rule.bars_card and _still_bars(rule, past.card, card):
            return rule
    return None


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
