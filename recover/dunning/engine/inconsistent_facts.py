"""Facts that contradict each other. The engine does not reason from those; the fixed days do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from recover.dunning.decline_rule import DeclineRule
from recover.dunning.facts import Facts, Outcome

_CLOCK_DIFFERENCE = timedelta(minutes=10)  # between Stripe's servers and ours, at most


def contradictions(facts: Facts, now: datetime) -> list[str]:
    """Sentences for the founder; empty where the facts agree."""
    return list(_contradictions(facts, now))


def _contradictions(facts: Facts, now: datetime) -> Iterator[str]:
    times = [past.at for past in facts.attempts if past.outcome is not Outcome.ABANDONED]
    if times and max(times) > now + _CLOCK_DIFFERENCE:
        yield "A try is recorded in the future: a clock is wrong."
    if times and min(times) < facts.failed_at - _CLOCK_DIFFERENCE:
        yield "A try is recorded before the first failure."
    if facts.failed_at > now + _CLOCK_DIFFERENCE:
        yield "The first failure is recorded in the future: a clock is wrong."
    if any(earlier > later for earlier, later in pairwise(times)):
        yield "The attempts are not in the order of their times."
    if any(past.outcome is Outcome.SUCCEEDED for past in facts.attempts):
        yield "A try on this invoice succeeded, and yet it is open."


def assumptions(facts: Facts, rule: DeclineRule) -> list[str]:
    """Sentences on what is missing or unknown and so assumed; the other facts are relied on.

    ``rule``: what the facts call for.
    """
    card, sentences = facts.card, []
    if not rule.known:
        sentences.append(f'The decline code "{rule.code}" is not known here: treated with care.')
    if card is not None and not (card.country and card.funding and card.brand):
        text = "The card's brand, funding or country is missing: the commonest is assumed."
        sentences.append(text)
    return sentences
