"""What a subscriber is told about each kind of decline: what happened, and what helps.

Honest and without blame. What an issuer suspects (and so anything about a card's whereabouts) is
never said to the person who holds it: those declines arrive here as ``generic``.

In the sentences ``{card}`` is "Visa card ending in 4242" or "saved payment method", ``{company}``
the sender, and ``{on_record}`` " (valid until October 2026 in our records)" where a month is known:
a replaced card can have expired before the month we were once given.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReasonCopy:
    subject: str  # of the first notice
    headline: str
    happened: str
    if_retried: str  # follows "We'll try again on <day>."
    remedy: str
    button: str


_DIDNT_GO_THROUGH = "Your payment to {company} didn't go through"

REASONS: dict[str, ReasonCopy] = {
    "insufficient_funds": ReasonCopy(
        subject=_DIDNT_GO_THROUGH,
        headline="Your payment didn't go through",
        happened=(
            "Your bank told us that the balance available on your {card} "
            "didn't cover it at that moment."
        ),
        if_retried="If the balance covers it by then, there is nothing for you to do.",
        remedy="You can also settle it now with another card.",
        button="Use another card",
    ),
    "expired": ReasonCopy(
        subject="Your card for {company} has expired",
        headline="Your card has expired",
        happened=(
            "Your bank told us that your {card}{on_record} has expired, "
            "so it could not accept the payment."
        ),
        if_retried="If your bank has sent us your new card's details by then, it will go through.",
        remedy="Please add your new card, and we'll collect the payment with it.",
        button="Add your new card",
    ),
    "card_problem": ReasonCopy(
        subject="Your card for {company} can't be used",
        headline="This card can't be used for the payment",
        happened="Your bank told us that your {card} can't be used for this payment.",
        if_retried="If nothing has changed at your bank by then, it won't go through.",
        remedy="Another card will settle it. Your bank can tell you more about this one.",
        button="Use another card",
    ),
    "bank_declined": ReasonCopy(
        subject="Your bank declined your payment to {company}",
        headline="Your bank declined the payment",
        happened="Your bank declined the payment on your {card} and did not tell us why.",
        if_retried="If your bank accepts it then, there is nothing for you to do.",
        remedy=(
            "Your bank can tell you the reason and may be able to allow it. "
            "You can also use another card."
        ),
        button="Use another card",
    ),
    "authentication": ReasonCopy(
        subject="Please confirm your payment to {company}",
        headline="Your bank wants to hear from you",
        happened="Your bank wants you to confirm the payment on your {card} before it accepts it.",
        if_retried="It may ask you again then.",
        remedy=(
            "Open the page below, and your bank will ask you to approve it, "
            "in its app or with a code."
        ),
        button="Confirm the payment",
    ),
    "limit": ReasonCopy(
        subject=_DIDNT_GO_THROUGH,
        headline="Your payment didn't go through",
        happened="Your bank told us that the payment is over a limit set for your {card}.",
        if_retried="If the limit leaves room by then, there is nothing for you to do.",
        remedy="You can ask your bank to raise the limit, or use another card now.",
        button="Use another card",
    ),
    "technical": ReasonCopy(
        subject=_DIDNT_GO_THROUGH,
        headline="Your payment didn't get through to your bank",
        happened=(
            "A technical problem on the way to your bank stopped it. "
            "As far as we know, nothing is wrong with your {card}."
        ),
        if_retried="There is nothing you need to do.",
        remedy="If you would rather settle it now, you can use another card.",
        button="Settle it now",
    ),
    "details": ReasonCopy(
        subject="Please check your card details for {company}",
        headline="Some card details need another look",
        happened=(
            "Your bank told us that something in the details we have for your {card}, such as the "
            "number, the expiry date or the security code, is not right."
        ),
        if_retried="It can only go through with the right details.",
        remedy="Please enter them once more, or use another card.",
        button="Enter card details",
    ),
    "generic": ReasonCopy(
        subject=_DIDNT_GO_THROUGH,
        headline="Your payment didn't go through",
        happened="Your {card} was not accepted.",
        if_retried="If it is accepted then, there is nothing for you to do.",
        remedy="You can use another card, or ask your bank about this one.",
        button="Use another card",
    ),
}


def copy_for(reason: str) -> ReasonCopy:
    """The words for ``reason``; those for ``generic`` where nobody has written any."""
    return REASONS.get(reason, REASONS["generic"])
