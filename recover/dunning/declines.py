"""What a decline calls for: Stripe's words, read in the order of who may forbid what.

A network that forbids another attempt comes first, then a network's or Stripe's not-before, then
Stripe's decline code, then its error code. A code nobody knows is retried slowly and flagged.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

from recover.dunning.decline_rule import HARD_CODES, DeclineCategory, DeclineRule, Pace
from recover.dunning.decline_table import NO_METHOD_CODES, TABLE
from recover.dunning.facts import Decline
from recover.dunning.network_rules import visa_category

__all__ = [
    "HARD_CODES",
    "NO_METHOD_CODES",
    "SUBSCRIBER_REASONS",
    "TABLE",
    "DeclineCategory",
    "DeclineRule",
    "Pace",
    "classify",
]

SUBSCRIBER_REASONS = frozenset(
    {
        "authentication",
        "bank_declined",
        "card_problem",
        "details",
        "expired",
        "generic",
        "insufficient_funds",
        "limit",
        "technical",
    }
)
"""Every value of `DeclineRule.subscriber_reason`: the mails have one copy for each."""

# Mastercard Merchant Advice Codes. 24-30 come with code 51 and are the issuer's own forecast.
_MAC_NEVER = {
    "03": "Mastercard says never to try this card again.",
    "21": "The cardholder stopped these payments at the bank.",
    "42": "Mastercard forbids payments with this card.",
}
_MAC_NEW_CARD = {
    "01": "Mastercard says the card was replaced.",
    "04": "Mastercard does not accept this card's token.",
    "40": "It is a prepaid card that cannot be topped up.",
    "41": "It is a virtual card for one payment only.",
    "43": "It is a virtual card.",
}
_MAC_NOT_BEFORE = {
    "02": timedelta(hours=72),
    "24": timedelta(hours=1),
    "25": timedelta(hours=24),
    "26": timedelta(days=2),
    "27": timedelta(days=4),
    "28": timedelta(days=6),
    "29": timedelta(days=8),
    "30": timedelta(days=10),
}
_VISA_CANCEL_INTENT = frozenset({"R0", "R1", "R3"})
_VISA_CONCEALED = frozenset({"04", "07", "41", "43"})  # pick up, special condition, lost, stolen
_UNEXPLAINED = frozenset({"card_declined", "generic_decline"})


def classify(decline: Decline | None, brand: str = "", *, on: date | None = None) -> DeclineRule:
    """The rule for one decline on a card of Stripe's ``brand``; never raises.

    ``on`` is the day whose network rules apply; None takes the newest. Network codes mean
    something only together with the brand, so without it they are ignored.
    """
    if decline is None:
        return _unknown_code("")
    network = decline.network_decline_code.upper() if brand == "visa" else ""
    return _rule_for(decline, brand, visa_forbids=bool(network) and visa_category(network, on) == 1)


@lru_cache(maxsize=4096)  # asked a dozen times about each attempt
def _rule_for(decline: Decline, brand: str, *, visa_forbids: bool) -> DeclineRule:
    rule = _rule_by_stripe(decline)
    if forbidding := _forbidding_rule(rule, decline, brand, visa_forbids=visa_forbids):
        return forbidding
    if brand == "mastercard":
        return _with_mastercard_advice(rule, decline.network_advice_code)
    return rule


def _forbidding_rule(
    rule: DeclineRule, decline: Decline, brand: str, *, visa_forbids: bool
) -> DeclineRule | None:
    network, advice = decline.network_decline_code.upper(), decline.network_advice_code
    if visa_forbids:
        return _never_again(
            rule,
            f"Visa forbids another try after its code {network}.",
            cancel_intent=network in _VISA_CANCEL_INTENT,
            conceal=network in _VISA_CONCEALED,
        )
    if brand == "mastercard" and advice in _MAC_NEVER:
        return _never_again(rule, _MAC_NEVER[advice], cancel_intent=advice == "21", conceal=False)
    if decline.advice_code == "do_not_try_again":
        text = "The bank says that this card must not be tried again."
        return _never_again(rule, text, cancel_intent=False, conceal=False)
    return None


def _never_again(
    rule: DeclineRule, text: str, *, cancel_intent: bool, conceal: bool
) -> DeclineRule:
    disclose = rule.disclose and not conceal
    return replace(
        rule,
        category=DeclineCategory.NEVER,
        pace=Pace.NONE,
        text=text if text in rule.text else f"{rule.text} {text}",
        disclose=disclose,
        subscriber_reason=rule.subscriber_reason if disclose else "generic",
        cancel_intent=rule.cancel_intent or cancel_intent,
    )


def _with_mastercard_advice(rule: DeclineRule, advice: str) -> DeclineRule:
    """A forecast moves a retry; it never revives a card whose code forbids one."""
    if rule.category is not DeclineCategory.RETRY_LATER:
        return rule
    if advice in _MAC_NEW_CARD:
        return _with_new_card_needed(rule, _MAC_NEW_CARD[advice], "card_problem")
    if wait := _MAC_NOT_BEFORE.get(advice):
        return replace(rule, not_before=max(wait, rule.not_before or wait))
    return rule


def _with_new_card_needed(rule: DeclineRule, text: str, reason: str) -> DeclineRule:
    return replace(
        rule,
        category=DeclineCategory.NEW_PAYMENT_METHOD,
        pace=Pace.NONE,
        text=f"{rule.text} {text}",
        subscriber_reason=reason if rule.disclose else "generic",
    )


def _rule_by_stripe(decline: Decline) -> DeclineRule:
    rule = _rule_by_code(decline)
    if rule.category is DeclineCategory.RETRY_LATER and decline.outcome_type == "blocked":
        # Stripe reports its own blocks as generic declines; the issuer never saw these.
        return rule if not rule.disclose else TABLE["blocked"]
    if rule.code in _UNEXPLAINED and decline.advice_code == "confirm_card_data":
        return _with_new_card_needed(rule, "The bank says the card's details are wrong.", "details")
    return rule


def _rule_by_code(decline: Decline) -> DeclineRule:
    if rule := TABLE.get(decline.decline_code):
        return rule
    # "card_declined" says no more than that there was a decline: the unknown code is the news.
    if decline.error_code in TABLE and not (
        decline.decline_code and decline.error_code in _UNEXPLAINED
    ):
        return TABLE[decline.error_code]
    return _unknown_code(decline.decline_code or decline.error_code)


def _unknown_code(code: str) -> DeclineRule:
    text = f'Stripe gave the code "{code}".' if code else "Stripe gave no reason."
    return DeclineRule(
        code,
        DeclineCategory.RETRY_LATER,
        Pace.DAY,
        "generic",
        f"{text} It is treated with care: a few slow retries.",
        disclose=False,
        known=False,
    )
