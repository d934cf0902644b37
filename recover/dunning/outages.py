"""Issuers' outages, as other cards tell of them: whether one was on, and since when it is over.

Beginning and end are told by the same cards. Where Stripe does not name the issuer, cards are
only grouped by what they have in common, and somebody's answer proves nothing about another bank;
but a card that was turned away and is judged now belongs to a bank that is back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning.budget import SOON_GAP
from recover.dunning.declines import TABLE, Pace
from recover.dunning.facts import Card, Facts, IssuerAnswer, Outcome, PastAttempt
from recover.dunning.situation import made, rule_of, same_number

TECHNICAL_CODES = frozenset(code for code, rule in TABLE.items() if rule.pace is Pace.SOON)
MEMORY = timedelta(days=2)
"""How old a failure may be for an outage's end to be news."""

# About one failed renewal in fifteen is technical, and most come alone. Three cards of one group
# within an hour of each other, and more of them than of cards that were judged meanwhile, is next
# to impossible without a common cause, even for an account with a hundred such failures a month.
NEAR = timedelta(hours=1)
CARDS = 3

# While an outage lasts one card finds out for all, as often as a single card might be tried. A
# timing cannot know of it, and would wait for a day or try them all. No card is spent on it more
# than twice: an invoice has few tries.
CANARY_EVERY = SOON_GAP
CANARIES = 2
TURN = timedelta(minutes=10)  # by so much a card lets those go first that were tried less often
# Outages pass within hours; after a day something else is the matter, and the timing decides.
LONGEST = timedelta(days=1)
# One card's hiccup does not bring an outage back, as one did not make it; two in a row do.
STRIKES = 2


@dataclass(frozen=True, slots=True)
class Outage:
    """What other cards tell of the issuer, from about the time of this card's failure on."""

    failed_at: datetime  # this card's failure in it
    failing_at: datetime  # the last technical failure of another card
    over_at: datetime | None  # when a card that had been turned away was judged again


def over_since(facts: Facts) -> datetime | None:
    """Since when the outage is over in which the current card was last tried.

    None where there was no outage, it lasts, or a try since its end (whatever came of it) has
    spent it: so each end moves an invoice once.
    """
    found = _found(facts)
    if found is None or found.over_at is None:
        return None
    return found.over_at if max(past.at for past in made(facts)) < found.over_at else None


def next_canary_at(facts: Facts, now: datetime) -> datetime | None:
    """When this card may find out whether the outage still lasts; None where none is known of.

    Not before ``now``. All cards wait for much the same moment: the first puts the others off.
    """
    found = _found(facts)
    if found is None or found.over_at is not None or now >= found.failed_at + LONGEST:
        return None
    own = technical_failures(facts.attempts, facts.card)
    turn = max(found.failing_at, own[-1]) + CANARY_EVERY + (len(own) - 1) * TURN
    return max(now, min(turn, found.failed_at + LONGEST))


def may_be_canary(facts: Facts) -> bool:
    return len(technical_failures(facts.attempts, facts.card)) <= CANARIES


def _found(facts: Facts) -> Outage | None:
    return outage(technical_failures(facts.attempts, facts.card), facts.issuer_answers)


def outage(failures: Sequence[datetime], answers: Sequence[IssuerAnswer]) -> Outage | None:
    """The outage that a card's ``failures`` (`technical_failures`) fell into, the latest if two.

    None where too few other cards shared its trouble: that was a hiccup.
    """
    failed_at = next((at for at in reversed(failures) if _together(at, answers)), None)
    if failed_at is None:
        return None
    words = [word for word in answers if word.at >= failed_at - NEAR]
    failing_at = max(word.at for word in words if word.technical)
    return Outage(failed_at, failing_at, _over_at(failed_at, words))


def _together(at: datetime, answers: Sequence[IssuerAnswer]) -> bool:
    near = [word for word in answers if abs(word.at - at) <= NEAR]
    down = {word.card for word in near if word.technical}
    judged = {word.card for word in near if not word.technical} - down
    return len(down) + 1 >= CARDS and len(down) + 1 > len(judged)


def _over_at(failed_at: datetime, words: Sequence[IssuerAnswer]) -> datetime | None:
    down: set[str] = set()
    over_at, strikes = None, 0
    for word in words:
        if word.technical:
            down.add(word.card)
            strikes += 1
            over_at = over_at if strikes < STRIKES else None
        elif word.card in down and word.at > failed_at:
            over_at, strikes = over_at or word.at, 0
    return over_at


def technical_failures(attempts: Sequence[PastAttempt], card: Card | None) -> list[datetime]:
    """The tries on this card's number since it was last judged, oldest first: all were technical
    failures, or the list is empty.
    """
    found: list[datetime] = []
    for past in reversed(attempts):
        if card is None or past.card is None or not same_number(past.card, card):
            continue
        if past.outcome in (Outcome.OBSERVED, Outcome.ABANDONED, Outcome.PENDING):
            continue
        if not _technical(past):
            break
        found.insert(0, past.at)
    return found


def answer_of(past: PastAttempt) -> IssuerAnswer | None:
    """What a try tells of the issuer; None where it may never have been asked."""
    if past.card is None:
        return None
    technical = _technical(past)
    if not technical and not _judged(past):
        return None
    return IssuerAnswer(past.at, past.card.fingerprint or past.card.payment_method_id, technical)


def _technical(past: PastAttempt) -> bool:
    return past.outcome is Outcome.FAILED and rule_of(past).pace is Pace.SOON and _sent(past)


def _sent(past: PastAttempt) -> bool:
    return past.decline is None or past.decline.network_status != "not_sent_to_network"


def _judged(past: PastAttempt) -> bool:
    """Approved, or declined by the bank itself: not by Stripe, nor for want of the cardholder.

    "Try again later" is what some banks say while they are not well, so it proves nothing.
    """
    if past.outcome is not Outcome.FAILED or past.decline is None:
        return past.outcome is Outcome.SUCCEEDED
    rule = rule_of(past)
    reached = past.decline.network_status == "declined_by_network"
    return reached and rule.subscriber_reason != "technical" and rule.code != "try_again_later"
