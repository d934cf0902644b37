"""Outcomes as arrays: what was believed before each try, and what came of it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from recover.dunning.engine.belief import approval, believe
from recover.dunning.engine.features import funding, of_case, of_hours, row
from recover.dunning.engine.model import Model
from recover.dunning.engine.paydays import Floats
from recover.dunning.facts import Facts

NDBool = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
_HELD_OUT = 5  # every fifth case


class TryOutcome(NamedTuple):
    """One try and what came of it."""

    facts: Facts  # as they were when it was decided, without this try
    at: datetime
    succeeded: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Outcomes as arrays: one row per try."""

    cells: list[tuple[str, str, str]]  # (group, region, funding)
    evidence: Floats  # (rows, stories): likelihood of what came before, up to a factor
    chances: Floats  # (rows, stories): of success, uncorrected
    features: Floats  # (rows, features)
    succeeded: Floats  # (rows,): 0 or 1
    first: Floats  # (rows,): 1 where it is the first retry of its case
    held_out: NDBool

    def only(self, kept: NDBool) -> Rows:
        cells = [cell for cell, keep in zip(self.cells, kept, strict=True) if keep]
        return Rows(
            cells,
            self.evidence[kept],
            self.chances[kept],
            self.features[kept],
            self.succeeded[kept],
            self.first[kept],
            self.held_out[kept],
        )


def rows_of(outcomes: Sequence[TryOutcome], model: Model, window: timedelta) -> Rows:
    cells, evidence, chances, features, first = [], [], [], [], []
    for facts, at, _ in outcomes:
        belief = believe(facts, model, window)
        cell = (belief.group, belief.region, funding(facts.card))
        hour = max(belief.last, belief.grid.index(at, facts.timezone))
        hour_part = of_hours(belief.grid.start, belief.grid.hours // 24)[:, hour]
        cells.append(cell)
        evidence.append(belief.weights / model.weights(*cell))
        chances.append(approval(belief.open_at(np.array([hour]))[:, 0], hour))
        features.append(row(hour_part, of_case(facts, belief.tries),
                            hour - belief.first, hour - belief.last))  # fmt: skip
        first.append(float(belief.tries <= 1))
    return Rows(
        cells, np.array(evidence), np.array(chances), np.array(features),
        np.array([float(outcome.succeeded) for outcome in outcomes]), np.array(first),
        np.array([_held_out(outcome.facts) for outcome in outcomes]),
    )  # fmt: skip


def _held_out(facts: Facts) -> bool:
    """The same answer for all tries of one case, on any machine."""
    name = f"{facts.failed_at.isoformat()} {facts.amount_remaining_minor} {facts.currency}"
    return zlib.crc32(name.encode()) % _HELD_OUT == 0
