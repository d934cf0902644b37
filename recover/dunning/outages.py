"""Issuers' outages, as told by other cards: whether one is on, and since when it is over.

Where Stripe does not name the issuer, cards are only grouped by what they have in common, and an
answer to one card proves nothing about the bank of another. So the same cards tell of the beginning
and of the end: a card that was turned away and is judged now belongs to a bank that is back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning.assessment import attempts_made, rule_of, same_number
from recover.dunning.declines import TABLE, Pace
from recover.dunning.facts import Card, Facts, IssuerAnswer, Outcome, PastAttempt
from recover.dunning.retry_budget import SOON_GAP

TECHNICAL_CODES = frozenset(code for code, rule in TABLE.items() if rule.pace is Pace.SOON)
_TELLS_NOTHING = (Outcome.OBSERVED, Outcome.ABANDONED, Outcome.REFUSED, Outcome.PENDING)
MEMORY = timedelta(days=2)
"""How old a failure may be for an outage's end to be news."""

# About one failed renewal in fifteen is technical, and most come alone. Three cards of one group
# within an hour of each other, and more of them than of cards that were judged meanwhile, is next
# to impossible without a common cause, even for an account with a hundred such failures a month.
NEAR = timedelta(hours=1)
CARDS = 3

# While an outage lasts one card finds out for all, as often as a single card might be tried. A
# timing cannot know of it, and would wait for a day or try them all. No card is spent on it more
# than twice: an invoice has few retries.
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

    None where there was no outage, where it lasts, or where there was an attempt since its end:
    so the end of an outage moves an invoice once.
    """
    outage = _current_outage(facts)
    if outage is None or outage.over_at is None:
        return None
    last_at = max(past.at for past in attempts_made(facts))
    return outage.over_at if last_at < outage.over_at else None


def next_canary_at(facts: Facts, now: datetime) -> datetime | None:
    """When this card may find out whether the outage still lasts; None where none is known of.

    Not before ``now``. All cards wait for much the same moment: the first puts the others off.
    """
    outage = _current_outage(facts)
    if outage is None or outage.over_at is not None or now >= outage.failed_at + LONGEST:
        return None
    own = technical_failures(facts.attempts, facts.card)
    turn = max(outage.failing_at, own[-1]) + CANARY_EVERY + (len(own) - 1) * TURN
    return max(now, min(turn, outage.failed_at + LONGEST))


def may_be_canary(facts: Facts) -> bool:
    return len(technical_failures(facts.attempts, facts.card)) <= CANARIES


def _current_outage(facts: Facts) -> Outage | None:
    failures = technical_failures(facts.attempts, facts.card)
    return outage_behind(failures, facts.issuer_answers)


def outage_behind(failures: Sequence[datetime], answers: Sequence[IssuerAnswer]) -> Outage | None:
    """The outage that a card's ``failures`` (`technical_failures`) fell into, the latest if two.

    None where too few other cards failed with it: one card alone is a hiccup.
    """
    failed_at = next((at for at in reversed(failures) if _is_outage(at, answers)), None)
    if failed_at is None:
        return None
    since = [answer for answer in answers if answer.at >= failed_at - NEAR]
    failing_at = max(answer.at for answer in since if answer.technical)
    return Outage(failed_at, failing_at, _over_at(failed_at, since))


def _is_outage(at: datetime, answers: Sequence[IssuerAnswer]) -> bool:
    """True where enough other cards failed technically at about the time of this failure."""
    near = [answer for answer in answers if abs(answer.at - at) <= NEAR]
    turned_away = {answer.card for answer in near if answer.technical}
    judged = {answer.card for answer in near if not answer.technical} - turned_away
    failing = len(turned_away) + 1  # and this card
    return failing >= CARDS and failing > len(judged)


def _over_at(failed_at: datetime, answers: Sequence[IssuerAnswer]) -> datetime | None:
    turned_away: set[str] = set()
    over_at, strikes = None, 0
    for answer in answers:
        if answer.technical:
            turned_away.add(answer.card)
            strikes += 1
            over_at = over_at if strikes < STRIKES else None
        elif answer.card in turned_away and answer.at > failed_at:
            over_at, strikes = over_at or answer.at, 0
    return over_at


def technical_failures(attempts: Sequence[PastAttempt], card: Card | None) -> list[datetime]:
    """The attempts on this card's number since it was last judged, oldest first: all were
    technical failures, or the list is empty.
    """
    times: list[datetime] = []
    for past in reversed(attempts):
        if card is None or past.card is None or not same_number(past.card, card):
            continue
        if past.outcome in _TELLS_NOTHING:
            continue
        if not _issuer_was_away(past):
            break
        times.insert(0, past.at)
    return times


def issuer_answer(past: PastAttempt) -> IssuerAnswer | None:
    """What an attempt tells of the issuer; None where it may never have been asked."""
    if past.card is None:
        return None
    away = _issuer_was_away(past)
    if not away and not _issuer_judged(past):
        return None
    card = past.card.fingerprint or past.card.payment_method_id
    return IssuerAnswer(past.at, card, technical=away)


def _issuer_was_away(past: PastAttempt) -> bool:
    return past.outcome is Outcome.FAILED and rule_of(past).pace is Pace.SOON and _was_sent(past)


def _was_sent(past: PastAttempt) -> bool:
    return past.decline is None or past.decline.network_status != "not_sent_to_network"


def _issuer_judged(past: PastAttempt) -> bool:
    """Approved, or declined by the bank itself: not by Stripe, nor for want of the cardholder.

    "Try again later" is what some banks say while they are not well, so it proves nothing.
    """
    if past.outcome is not Outcome.FAILED or past.decline is None:
        return past.outcome is Outcome.SUCCEEDED
    rule = rule_of(past)
    reached = past.decline.network_status == "declined_by_network"
    return reached and rule.subscriber_reason != "technical" and rule.code != "try_again_later"
