"""Outcomes as arrays: what was believed before each try, and what came of it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from recover.dunning.engine.belief import NDInt, approval, believe
from recover.dunning.engine.features import funding, of_case, of_hours, row
from recover.dunning.engine.model import SHIPPED
from recover.dunning.engine.paydays import Floats
from recover.dunning.facts import Facts

NDBool = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Cell = tuple[str, str, str]  # (group, region, funding)
_HELD_OUT = 5  # every fifth case


class TryOutcome(NamedTuple):
    """One try and what came of it.

    ``case`` names the failed invoice where the caller has a name for it. It must stay the same for
    good: it decides whether the case is learned from or kept to judge by, and a try told twice
    under one name counts once.
    """

    facts: Facts  # as they were when it was decided, without this try
    at: datetime
    succeeded: bool
    case: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Outcomes as arrays: one row per try."""

    cells: tuple[Cell, ...]  # those that occur
    cell: NDInt  # (rows,): index into `cells`
    evidence: Floats  # (rows, stories): likelihood of what came before, up to a factor
    chances: Floats  # (rows, stories): of success, uncorrected
    features: Floats  # (rows, features)
    succeeded: Floats  # (rows,): 0 or 1
    first: Floats  # (rows,): 1 where it is the first retry of its case
    held_out: NDBool

    def __len__(self) -> int:
        return len(self.succeeded)

    def only(self, kept: NDBool) -> Rows:
        return replace(
            self,
            cell=self.cell[kept],
            evidence=self.evidence[kept],
            chances=self.chances[kept],
            features=self.features[kept],
            succeeded=self.succeeded[kept],
            first=self.first[kept],
            held_out=self.held_out[kept],
        )


def rows_of(outcomes: Sequence[TryOutcome], window: timedelta) -> Rows:
    """At least one outcome. Nothing in the rows depends on what a model has learned."""
    found, evidence, chances, features, first = [], [], [], [], []
    for facts, at, _, _ in outcomes:
        belief = believe(facts, SHIPPED, window)
        cell = (belief.group, belief.region, funding(facts.card))
        hour = max(belief.last, belief.grid.index(at, facts.timezone))
        hour_part = of_hours(belief.grid.start, belief.grid.hours // 24)[:, hour]
        found.append(cell)
        evidence.append(belief.weights / SHIPPED.weights(*cell))
        chances.append(approval(belief.open_at(np.array([hour]))[:, 0], hour))
        features.append(row(hour_part, of_case(facts, belief.tries),
                            hour - belief.first, hour - belief.last))  # fmt: skip
        first.append(float(belief.tries <= 1))
    cells = tuple(sorted(set(found)))
    numbers = {cell: number for number, cell in enumerate(cells)}
    return Rows(
        cells, np.array([numbers[cell] for cell in found]),
        np.array(evidence), np.array(chances), np.array(features),
        np.array([float(outcome.succeeded) for outcome in outcomes]), np.array(first),
        _held_out(outcomes),
    )  # fmt: skip


def _held_out(outcomes: Sequence[TryOutcome]) -> NDBool:
    """None where all would be: told of a single case, one learns from it."""
    kept = np.array([kept_to_judge_by(outcome) for outcome in outcomes])
    return kept & (not kept.all())


def kept_to_judge_by(outcome: TryOutcome) -> bool:
    """The same answer for all tries of one case, on any machine and in any night.

    Without a name a case is known by what never changes in it: when it first failed, on which
    card.
    """
    facts = outcome.facts
    first = next((past.card for past in facts.attempts if past.card is not None), None)
    card = first.fingerprint or first.payment_method_id if first else ""
    name = outcome.case or f"{facts.failed_at.timestamp():.0f} {card}"
    return zlib.crc32(name.encode()) % _HELD_OUT == 0


def told_once(outcomes: Sequence[TryOutcome]) -> list[TryOutcome]:
    """Without repetitions of the same try; of contradicting ones the last word counts."""
    named = {(outcome.case, outcome.at): outcome for outcome in outcomes if outcome.case}
    return [o for o in outcomes if not o.case] + list(named.values())
