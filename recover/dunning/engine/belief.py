"""Bayes over one case: which stories are left after what was tried, and how open each may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from recover.dunning.declines import DeclineRule, Pace
from recover.dunning.engine.features import (
    LOG_HOURS,
    failures_on_card,
    funding,
    group,
    of_hours,
    of_the_hour,
    paid_on,
    region,
    waits_and_case,
)
from recover.dunning.engine.hypotheses import LIBRARY, PRIOR
from recover.dunning.engine.model import Model
from recover.dunning.engine.paydays import Floats, Grid, grid_of
from recover.dunning.facts import Facts, PastAttempt
from recover.dunning.hours import local
from recover.dunning.situation import Assessment, assess

CLOSED: Final = float(PRIOR["answer"]["approve_closed"])
_OPEN_AT: Final[list[float]] = [
    PRIOR["answer"]["approve_open"] * (PRIOR["answer"]["night"] if 1 <= h < 4 else 1.0)  # noqa: PLR2004
    for h in range(24)
]
_OPEN: Final = np.array(_OPEN_AT)
_TECHNICAL: Final = np.array([story.cause == "technical" for story in LIBRARY])
_HEARSAY: Final = 0.2
"""How far an issuer's forecast may be from the truth: the weight left to stories it speaks
against, beside what they give to its being right."""


NDInt = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
NDBool = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

_prior = lru_cache(maxsize=512)(Model.weights)


@lru_cache(maxsize=256)
def _of_hours(model: Model, grid: Grid) -> Floats:
    """The part of the learned correction that hangs on the hour alone: (hours,)."""
    return of_the_hour(model.coefficients, of_hours(grid.start, grid.hours // 24))


@dataclass(slots=True, eq=False)
class Belief:
    """After the last try. Arrays over stories; ``state`` is b / C - S of `Grid`'s closed form."""

    grid: Grid
    weights: Floats  # sums to 1
    state: Floats
    last: int  # the hour of the last failed try
    first: int
    tries: int
    group: str
    region: str
    facts: Facts
    model: Model

    def open_at(self, hours: NDInt) -> Floats:
        """The chance per story that the card is open then, if not tried before: (stories, n)."""
        laid = self.grid
        found: Floats = laid.carry.take(hours, axis=0) * (
            self.state + laid.inflow.take(hours, axis=0)
        )
        return found.T

    def chance(self, hour: int) -> float:
        """That one try at this hour succeeds."""
        return float(self.weights @ self.by_story(hour))

    def by_story(self, hour: int) -> Floats:
        chances = approval(self.grid.carry[hour] * (self.state + self.grid.inflow[hour]), hour)
        return shifted(chances, self.shift(np.array([hour]))[0]) if self.corrected else chances

    @property
    def corrected(self) -> bool:
        """False where the model has learned no correction yet."""
        return self.model.corrected

    def shift(self, hours: NDInt) -> Floats:
        """The learned correction in logits at these hours, none before the last try."""
        since, last, own = waits_and_case(self.model.coefficients, self.facts, self.tries)
        found: Floats = _of_hours(self.model, self.grid)[hours] + own
        found += since * LOG_HOURS[hours - self.first]
        found += last * LOG_HOURS[hours - self.last]
        return found


def approval(opened: Floats, hour: int) -> Floats:
    """The chance that a try at this hour is approved, by the chance that the card is open."""
    found: Floats = opened * (_OPEN_AT[hour % 24] - CLOSED)
    found += CLOSED
    return found


def open_rates(hours: NDInt) -> Floats:
    """The chance that an issuer approves an open card at these hours."""
    found: Floats = _OPEN[hours % 24]
    return found


def shifted(chances: Floats, shift: Floats | float) -> Floats:
    """Chances with their logits moved."""
    odds = np.exp(shift)
    found: Floats = chances * odds / (1 - chances + chances * odds)
    return found


def believe(
    facts: Facts, model: Model, window: timedelta, reading: Assessment | None = None
) -> Belief:
    """What is known of this case after its last failed try. Needs nothing but the facts."""
    failed = failures_on_card(facts.card, (reading or assess(facts)).ruled)
    first_at = min((past.at for past, _ in failed), default=facts.failed_at)
    first_there = local(first_at, facts.timezone)
    laid = grid_of(first_there.date(), window)
    named, where = group(rule for _, rule in failed), region(facts.card)
    weights = _prior(model, named, where, funding(facts.card))
    for paid in facts.paid_hours[-6:]:
        weights = weights * paid_on(local(paid, facts.timezone).date())
    first = laid.place(first_there)
    belief = Belief(
        laid, weights, -laid.inflow[first], first, first, 0, named, where,
        facts, model,
    )  # fmt: skip
    for past, rule in failed:
        _saw(belief, past, rule, facts.timezone)
    belief.weights = belief.weights / np.add.reduce(belief.weights)
    return belief


def _saw(belief: Belief, past: PastAttempt, rule: DeclineRule, timezone: str) -> None:
    """Take in one failed try, and what the issuer said with it."""
    hour = max(belief.last, belief.grid.index(past.at, timezone))
    if belief.tries:
        # An outage says nothing of the account behind it, unless an outage is the story itself.
        judged = rule.pace is not Pace.SOON or belief.group == "technical"
        _failed(belief, hour, None if judged else _TECHNICAL)
    belief.last, belief.tries = hour, belief.tries + 1
    if rule.not_before and past.decline and past.decline.network_advice_code:
        _heard_forecast(belief, belief.grid.index(past.at + rule.not_before, timezone))


def _failed(belief: Belief, hour: int, heard: NDBool | None) -> None:
    """Bayes' rule for a failure, in the stories ``heard`` alone where it speaks of those only."""
    carry, inflow = belief.grid.carry[hour], belief.grid.inflow[hour]
    reached = belief.state + inflow
    failing = 1 - approval(carry * reached, hour)
    left = (1 - _OPEN_AT[hour % 24]) * reached / failing
    if heard is not None:
        failing, left = np.where(heard, failing, 1.0), np.where(heard, left, reached)
    belief.weights = belief.weights * failing
    belief.state = left - inflow


def _heard_forecast(belief: Belief, hour: int) -> None:
    """The issuer expects it to work from that hour on: stories that agree gain weight."""
    opened = belief.grid.carry[hour] * (belief.state + belief.grid.inflow[hour])
    belief.weights = belief.weights * (_HEARSAY + opened)
