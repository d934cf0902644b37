"""Bayes over one case: which stories are left after what was tried, and how open each may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from recover.dunning.declines import Pace
from recover.dunning.engine.features import (
    correction,
    failures_on_card,
    funding,
    group,
    of_case,
    of_hours,
    paid_on,
    region,
)
from recover.dunning.engine.hypotheses import LIBRARY, PRIOR
from recover.dunning.engine.model import Model
from recover.dunning.engine.paydays import MAX_DAYS, Floats, Grid, grid
from recover.dunning.facts import Facts, PastAttempt
from recover.dunning.hours import local
from recover.dunning.situation import rule_of

CLOSED: Final = float(PRIOR["answer"]["approve_closed"])
_OPEN: Final = np.array(
    [PRIOR["answer"]["approve_open"] * (PRIOR["answer"]["night"] if 1 <= h < 4 else 1.0)  # noqa: PLR2004
     for h in range(24)]
)  # fmt: skip
_TECHNICAL: Final = np.array([story.cause == "technical" for story in LIBRARY])
_HEARSAY: Final = 0.2
"""How far an issuer's forecast may be from the truth: the weight left to stories it speaks
against, beside what they give to its being right."""


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
    shift: Floats  # the learned correction in logits per hour: (hours,)

    def open_at(self, hours: NDInt) -> Floats:
        """The chance per story that the card is open then, if not tried before: (stories, n)."""
        found: Floats = self.grid.carry[:, hours] * (
            self.state[:, None] + self.grid.inflow[:, hours]
        )
        return found

    def chance(self, hour: int) -> float:
        """That one try at this hour succeeds."""
        return float(self.weights @ self.by_story(hour))

    def by_story(self, hour: int) -> Floats:
        opened = self.open_at(np.array([hour]))[:, 0]
        return shifted(approval(opened, hour), self.shift[hour])


NDInt = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def approval(opened: Floats, hour: int) -> Floats:
    found: Floats = CLOSED + opened * (_OPEN[hour % 24] - CLOSED)
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


def believe(facts: Facts, model: Model, window: timedelta) -> Belief:
    """What is known of this case after its last failed try. Needs nothing but the facts."""
    failed = failures_on_card(facts)
    first_at = min((past.at for past in failed), default=facts.failed_at)
    days = min(MAX_DAYS, window.days + 2)
    laid = grid(local(first_at, facts.timezone).date(), days)
    named, where = group(failed), region(facts.card)
    weights = model.weights(named, where, funding(facts.card))
    for paid in facts.paid_hours[-6:]:
        weights = weights * paid_on(local(paid, facts.timezone).date())
    first = laid.index(first_at, facts.timezone)
    belief = Belief(
        laid, weights / weights.sum(), -laid.inflow[:, first], first, first, 0, named, where,
        np.zeros(laid.hours),
    )  # fmt: skip
    for past in failed:
        _saw(belief, past, facts.timezone)
    belief.shift = _shift(belief, facts, model)
    return belief


def _saw(belief: Belief, past: PastAttempt, timezone: str) -> None:
    """Take in one failed try, and what the issuer said with it."""
    hour = max(belief.last, belief.grid.index(past.at, timezone))
    rule = rule_of(past)
    # An outage says nothing of the account behind it, unless an outage is the story itself.
    judged = rule.pace is not Pace.SOON or belief.group == "technical"
    heard = np.ones_like(_TECHNICAL) if judged else _TECHNICAL
    if belief.tries:
        opened = belief.open_at(np.array([hour]))[:, 0]
        failing = 1 - approval(opened, hour)
        weights = belief.weights * np.where(heard, failing, 1.0)
        left = np.where(heard, opened * (1 - _OPEN[hour % 24]) / failing, opened)
        belief.weights = weights / weights.sum()
        belief.state = left / belief.grid.carry[:, hour] - belief.grid.inflow[:, hour]
    belief.last, belief.tries = hour, belief.tries + 1
    if rule.not_before and past.decline and past.decline.network_advice_code:
        _heard_forecast(belief, belief.grid.index(past.at + rule.not_before, timezone))


def _heard_forecast(belief: Belief, hour: int) -> None:
    """The issuer expects it to work from that hour on: stories that agree gain weight."""
    weights = belief.weights * (_HEARSAY + belief.open_at(np.array([hour]))[:, 0])
    belief.weights = weights / weights.sum()


def _shift(belief: Belief, facts: Facts, model: Model) -> Floats:
    laid = belief.grid
    if not model.coefficients.any():
        return np.zeros(laid.hours)
    hours = np.arange(laid.hours, dtype=np.float64)
    return correction(
        model.coefficients,
        of_hours(laid.start, laid.hours // 24),
        of_case(facts, belief.tries),
        hours - belief.first,
        hours - belief.last,
    )
