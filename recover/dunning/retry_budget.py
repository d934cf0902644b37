"""The referee: our attempts and everybody else's share one budget per card, and never collide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recover.dunning.assessment import (
    attempts_made,
    latest_failure,
    refusals_in_a_row,
    rule_of,
    same_number,
)
from recover.dunning.campaign import Campaign
from recover.dunning.declines import DeclineRule, Pace
from recover.dunning.facts import Card, Facts, Outcome
from recover.dunning.network_rules import NetworkRules, rules_for
from recover.dunning.time_sanity import time_fault
from recover.dunning.wording import card_name, counted, day, moment

SOON_GAP = timedelta(hours=2)
"""After a technical failure, when no issuer judged the payment, a retry may come this soon."""

STRIPE_GRACE = timedelta(hours=1)
"""How long after its scheduled time Stripe's own retry, and its webhook, are waited for."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the networks, Stripe and our own care leave for one card."""

    attempts_left: int  # in the network's rolling window; 0: none before `next_at`
    next_at: datetime  # the earliest next attempt by the caps; `now` where one may be made at once
    frees_at: datetime | None  # when the oldest counted attempt leaves the window
    reason: str


def allowance(facts: Facts, now: datetime) -> Allowance:
    """The caps alone, without gaps: every attempt on the card's number by anyone, on any invoice.

    Successful ones count too. The networks count only what follows a decline, so this errs on
    the safe side. None is left where a time cannot be right.
    """
    if fault := time_fault(facts, now):
        return Allowance(0, now, None, fault)
    if facts.card is None:
        return Allowance(0, now, None, "There is no card to try.")
    rules = rules_for(_network(facts.card), now.date())
    times = attempts_on_card(facts, facts.card)
    in_window = [at for at in times if at > now - rules.window]
    next_at = _next_at(times, rules, now)
    left = max(0, rules.max_attempts - len(in_window)) if next_at <= now else 0
    unworded = Allowance(left, next_at, in_window[0] + rules.window if in_window else None, "")
    return replace(unworded, reason=_reason(facts, facts.card, rules, now, unworded))


def caps_clear_at(facts: Facts, now: datetime) -> datetime:
    """`Allowance.next_at` alone, for those who do not need its words."""
    if facts.card is None:
        return now
    rules = rules_for(_network(facts.card), now.date())
    if len(facts.attempts) + len(facts.card_uses) < min(cap for cap, _ in _caps(rules)):
        return now
    return _next_at(attempts_on_card(facts, facts.card), rules, now)


def attempts_on_card(facts: Facts, card: Card) -> list[datetime]:
    """Times of all attempts on this number, oldest first.

    Stripe's list of charges and our own rows hold the same attempts; neither is sure to be
    complete at any moment, so the longer one counts. Observed attempts are in no list of Stripe's.
    """
    on_card = [p for p in attempts_made(facts) if p.card is None or same_number(p.card, card)]
    no_authorisation = (Outcome.OBSERVED, Outcome.REFUSED)
    ours = [past.at for past in on_card if past.outcome not in no_authorisation]
    observed = [past.at for past in on_card if past.outcome is Outcome.OBSERVED]
    uses = [use.at for use in facts.card_uses]
    return sorted((uses if len(uses) >= len(ours) else ours) + observed)


def gap_ends_at(
    facts: Facts, campaign: Campaign, latest_rule: DeclineRule | None = None
) -> datetime | None:
    """Until when the current card is left in peace after its last attempt; None if never tried.

    ``latest_rule``: what the latest failure calls for, where it is known already.
    """
    card = facts.card
    if card is None:
        return None
    times = [use.at for use in facts.card_uses]
    times += [p.at for p in attempts_made(facts) if p.card is None or same_number(p.card, card)]
    if not times:
        return None
    if refused := len(refusals_in_a_row(facts)):
        return max(times) + campaign.min_gap * (1 << (refused - 1))
    return max(times) + _gap(latest_rule or _latest_rule(facts), campaign)


def stripe_clears_at(facts: Facts, campaign: Campaign, now: datetime) -> datetime | None:
    """When Stripe's own retry has passed, if it is too near for one of ours now; else None."""
    stripe_at = facts.next_stripe_attempt_at
    if stripe_at is None or now >= stripe_at + STRIPE_GRACE:
        return None
    return stripe_at + STRIPE_GRACE if stripe_at - now < campaign.min_gap else None


def _gap(latest: DeclineRule | None, campaign: Campaign) -> timedelta:
    technical = latest is not None and latest.pace is Pace.SOON
    return min(SOON_GAP, campaign.min_gap) if technical else campaign.min_gap


def _latest_rule(facts: Facts) -> DeclineRule | None:
    latest = latest_failure(facts)
    return rule_of(latest) if latest else None


def _network(card: Card) -> str:
    return card.brand if card.type == "card" else card.type


def _caps(rules: NetworkRules) -> Sequence[tuple[int, timedelta]]:
    """(cap, window): so many attempts in any window of that length."""
    daily = [] if rules.max_per_day is None else [(rules.max_per_day, timedelta(hours=24))]
    return [(rules.max_attempts, rules.window), *daily]


def _next_at(times: Sequence[datetime], rules: NetworkRules, now: datetime) -> datetime:
    return max(now, *(_cap_clears_at(times, cap, window, now) for cap, window in _caps(rules)))


def _cap_clears_at(
    times: Sequence[datetime], cap: int, window: timedelta, now: datetime
) -> datetime:
    """When fewer than ``cap`` of ``times`` lie in the window before it; ``now`` if they do now."""
    return now if len(times) < cap else times[-cap] + window


def _reason(facts: Facts, card: Card, rules: NetworkRules, now: datetime, found: Allowance) -> str:
    name = card_name(card)
    if found.next_at > now:
        free = moment(found.next_at, facts.timezone)
        return f"This {name} has used up its attempts for now; the next is allowed {free}."
    until = day(found.frees_at or now + rules.window, facts.timezone)
    left = counted(found.attempts_left - 1, "try", "tries")
    return f"This leaves {left} on this {name} until {until}."
