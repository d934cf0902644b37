"""From facts to one proposed try: belief, plan, exploration, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning.budget import STRIPE_GRACE, caps_clear_at, gap_ends_at
from recover.dunning.campaign import Campaign
from recover.dunning.declines import Pace
from recover.dunning.engine.belief import Belief, NDInt, believe
from recover.dunning.engine.model import Model
from recover.dunning.engine.planner import Plan, Room, candidates
from recover.dunning.engine.reasons import clause, nothing
from recover.dunning.facts import Facts, Trigger
from recover.dunning.hours import local
from recover.dunning.situation import Assessment
from recover.dunning.timing import Proposal, Retry

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Question:
    """One case whose next try is looked for."""

    facts: Facts
    campaign: Campaign
    room: Room
    allowed: NDInt  # hours; those of the room are the ones that have not passed
    wished: datetime | None  # before which the bank asked not to try


def question(
    facts: Facts, campaign: Campaign, now: datetime, model: Model, reading: Assessment
) -> Question:
    belief = believe(facts, model, campaign.window, reading)
    latest, rule = reading.latest_failure, reading.latest_rule or reading.current_rule
    wished = latest.at + rule.not_before if latest and rule.not_before else None
    hours = _allowed(belief, facts, campaign, reading, wished)
    # The hour we are in stays a candidate, so that a due try is due and not put off again.
    ahead = hours[hours.searchsorted(belief.grid.index(now, facts.timezone)) :]
    gap = -(-campaign.min_gap // _HOUR)
    room = Room(belief, ahead, _tries_left(reading, campaign), gap)
    return Question(facts, campaign, room, hours, wished)


def propose(
    asked: Question,
    found: Plan,
    warnings: tuple[str, ...] = (),
    *,
    explore: float = 0.0,
    draw: float | None = None,
) -> Proposal:
    """The plan's first try. ``draw`` in [0, 1) decides over exploration; None: none."""
    belief, facts = asked.room.belief, asked.facts
    version = belief.model.version
    if not found.hours:
        why = _no_more(asked)
        return Proposal(None, why, plan_chance=0.0, warnings=warnings, model=version)
    first, propensity = _drawn(found.hours[0], asked.allowed, explore, draw)
    at = belief.grid.moment(first, facts.timezone)
    reason, chance = clause(belief, first, floored=_floored(asked, at))
    if first != found.hours[0]:
        reason = f"this hour is tried to learn from it; {reason}"
    return Proposal(
        Retry(at, reason),
        reason,
        chance,
        tuple([belief.grid.moment(hour, facts.timezone) for hour in found.hours]),
        found.chance,
        propensity,
        len(asked.allowed),
        warnings,
        version,
    )


def _no_more(asked: Question) -> str:
    belief, hours = asked.room.belief, asked.room.hours
    if not asked.room.tries:
        return f"All {asked.campaign.max_retries} scheduled tries are used."
    if not len(hours):
        return "The window leaves no hour in which a further try is allowed."
    some = hours[:: max(1, len(hours) // 8)]
    return nothing(max(belief.chance(int(hour)) for hour in some), belief.tries)


def _tries_left(reading: Assessment, campaign: Campaign) -> int:
    ours = [past for past in reading.made if past.trigger is Trigger.SCHEDULE]
    return max(0, campaign.max_retries - len(ours))


def _allowed(
    belief: Belief, facts: Facts, campaign: Campaign, reading: Assessment, wished: datetime | None
) -> NDInt:
    """Candidate hours under the gap, the caps, the network's wish, the window and Stripe's own.

    They follow from the facts alone: the choice among them is the same whenever it is asked for.
    """
    rule = reading.latest_rule or reading.current_rule
    last_at = max([past.at for past in reading.made], default=facts.failed_at)
    earliest = max(
        caps_clear_at(facts, last_at),
        gap_ends_at(facts, campaign, rule) or last_at,
        wished or last_at,
    )
    fine = rule.pace is Pace.SOON or rule.code == "try_again_later"
    zone, grid = facts.timezone, belief.grid
    start = _next_hour(belief, earliest, zone)
    end = grid.index(facts.failed_at + campaign.window - _HOUR, zone) + 1
    hours = candidates(belief, start, end, fine=fine)
    return _clear_of_stripe(hours, belief, facts, campaign)


def _next_hour(belief: Belief, at: datetime, timezone: str) -> int:
    """The first full hour not before ``at``."""
    there = local(at, timezone)
    full = not (there.minute or there.second or there.microsecond)
    return belief.grid.place(there) + (not full)


def _floored(asked: Question, at: datetime) -> bool:
    """True where the bank's wish decided: the try comes within a day after it."""
    return asked.wished is not None and at - asked.wished < timedelta(hours=24)


def _clear_of_stripe(hours: NDInt, belief: Belief, facts: Facts, campaign: Campaign) -> NDInt:
    stripes = facts.next_stripe_attempt_at
    if stripes is None:
        return hours
    low = belief.grid.index(stripes - campaign.min_gap, facts.timezone)
    high = belief.grid.index(stripes + max(STRIPE_GRACE, campaign.min_gap), facts.timezone)
    return hours[(hours <= low) | (hours > high)]


def _drawn(best: int, hours: NDInt, explore: float, draw: float | None) -> tuple[int, float]:
    """(hour, propensity): the best one, or with chance ``explore`` any allowed one."""
    share = explore / len(hours)
    if draw is None or explore <= 0 or draw >= explore:
        chosen = best
    else:
        chosen = int(hours[min(int(draw / share), len(hours) - 1)])
    if draw is None:
        return best, 1.0
    return chosen, share + (1 - explore) * (chosen == best)
