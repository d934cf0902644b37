"""The referee: our tries and everybody else's share one budget per card, and never collide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recover.dunning.campaign import Campaign
from recover.dunning.declines import DeclineRule, Pace
from recover.dunning.facts import Card, Facts, Outcome
from recover.dunning.network_rules import NetworkRules, rules_for
from recover.dunning.plausible import strange_time
from recover.dunning.situation import latest_failure, made, rule_of, same_number
from recover.dunning.wording import card_name, counted, day, moment

SOON_GAP = timedelta(hours=2)
"""After a technical failure, when no issuer judged the payment, the next try may come this soon."""

STRIPE_GRACE = timedelta(hours=1)
"""How long after its scheduled time Stripe's own try, and its webhook, are waited for."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the networks, Stripe and our own care leave for one card."""

    tries_left: int  # in the network's rolling window; 0: none before `next_at`
    next_at: datetime  # the earliest next try by the caps; `now` where it may be made at once
    frees_at: datetime | None  # when the oldest counted try leaves the window
    reason: str


def allowance(facts: Facts, now: datetime) -> Allowance:
    """The caps alone, without gaps: every try on the card's number by anyone, on any invoice.

    Successful ones count too. The networks count only what follows a decline, so this errs on
    the safe side. None is left where a time cannot be right.
    """
    if strange := strange_time(facts, now):
        return Allowance(0, now, None, strange)
    if facts.card is None:
        return Allowance(0, now, None, "There is no card to try.")
    rules = rules_for(_network(facts.card), now.date())
    times = tries_on_card(facts, facts.card)
    windowed = [at for at in times if at > now - rules.window]
    next_at = _next_at(times, rules, now)
    left = max(0, rules.max_tries - len(windowed)) if next_at <= now else 0
    found = Allowance(left, next_at, windowed[0] + rules.window if windowed else None, "")
    return replace(found, reason=_wording(facts, facts.card, rules, now, found))


def caps_clear_at(facts: Facts, now: datetime) -> datetime:
    """`Allowance.next_at` alone, for those who do not need its words."""
    if facts.card is None:
        return now
    rules = rules_for(_network(facts.card), now.date())
    if len(facts.attempts) + len(facts.card_uses) < min(cap for cap, _ in _caps(rules)):
        return now
    return _next_at(tries_on_card(facts, facts.card), rules, now)


def tries_on_card(facts: Facts, card: Card) -> list[datetime]:
    """Times of all tries on this number, oldest first.

    Stripe's list of charges and our own rows tell of the same tries; neither is sure to be
    complete at any moment, so the longer one counts. Observed tries are in no list of Stripe's.
    """
    on_card = [past for past in made(facts) if past.card is None or same_number(past.card, card)]
    ours = [past.at for past in on_card if past.outcome is not Outcome.OBSERVED]
    observed = [past.at for past in on_card if past.outcome is Outcome.OBSERVED]
    uses = [use.at for use in facts.card_uses]
    return sorted((uses if len(uses) >= len(ours) else ours) + observed)


def gap_ends_at(
    facts: Facts, campaign: Campaign, latest_rule: DeclineRule | None = None
) -> datetime | None:
    """Until when the current card is left in peace after its last try; None if never tried.

    ``latest_rule``: what the latest failure calls for, where it is known already.
    """
    card = facts.card
    if card is None:
        return None
    seen = [use.at for use in facts.card_uses]
    seen += [p.at for p in made(facts) if p.card is None or same_number(p.card, card)]
    return max(seen) + _gap(latest_rule or _rule(facts), campaign) if seen else None


def stripe_clears_at(facts: Facts, campaign: Campaign, now: datetime) -> datetime | None:
    """When Stripe's own try has passed, if one is too near for ours now; else None."""
    stripe_at = facts.next_stripe_attempt_at
    if stripe_at is None or now >= stripe_at + STRIPE_GRACE:
        return None
    return stripe_at + STRIPE_GRACE if stripe_at - now < campaign.min_gap else None


def _gap(latest: DeclineRule | None, campaign: Campaign) -> timedelta:
    technical = latest is not None and latest.pace is Pace.SOON
    return min(SOON_GAP, campaign.min_gap) if technical else campaign.min_gap


def _rule(facts: Facts) -> DeclineRule | None:
    latest = latest_failure(facts)
    return rule_of(latest) if latest else None


def _network(card: Card) -> str:
    return card.brand if card.type == "card" else card.type


def _caps(rules: NetworkRules) -> Sequence[tuple[int, timedelta]]:
    daily = [] if rules.max_per_day is None else [(rules.max_per_day, timedelta(hours=24))]
    return [(rules.max_tries, rules.window), *daily]


def _next_at(times: Sequence[datetime], rules: NetworkRules, now: datetime) -> datetime:
    return max(now, *(_frees(times, cap, span, now) for cap, span in _caps(rules)))


def _frees(times: Sequence[datetime], cap: int, window: timedelta, now: datetime) -> datetime:
    """When fewer than ``cap`` of ``times`` lie within ``window`` before the moment."""
    return now if len(times) < cap else times[-cap] + window


def _wording(facts: Facts, card: Card, rules: NetworkRules, now: datetime, found: Allowance) -> str:
    name = card_name(card)
    if found.next_at > now:
        free = moment(found.next_at, facts.timezone)
        return f"This {name} has used up its tries for now; the next is allowed {free}."
    until = day(found.frees_at or now + rules.window, facts.timezone)
    left = counted(found.tries_left - 1, "try", "tries")
    return f"This leaves {left} on this {name} until {until}."
