"""How far each part of a model moved from one version to the next, and how far it may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from recover.dunning.engine.arrays import Floats
from recover.dunning.engine.features import FEATURES
from recover.dunning.engine.hypotheses import CAUSES
from recover.dunning.engine.model import CAUSE_MASKS, Model

MAX_STEP: Final = {"causes": 0.25, "schedules": 0.15, "coefficients": 1.0}
"""How far one version goes at most: in total variation of a group's causes, or of the calendars of
one cause in a region, and in logits of a coefficient."""
REFUSED_BEYOND: Final = {"causes": 0.5, "schedules": 0.25, "coefficients": 4.0}
"""Where a fit moves farther than this, something is wrong with its outcomes and it is refused.

Three thousand honest outcomes at once move 0.11, 0.04 and 0.4 far in the evaluation's worlds, and
0.38, 0.04 and 3.1 in worlds made to be as strange as can be (retries that succeed in the evening
only, or on one day of the week). With every outcome inverted they move 0.57, 0.08 and 3.8 far, with
every outcome a success 0.75, 0.13 and 3.4.
"""


@dataclass(frozen=True, slots=True)
class Move:
    """One part of the model and how far it moved. ``kind`` is a key of `REFUSED_BEYOND`."""

    kind: str
    name: str  # of the group, the region with its cause, or the coefficient
    distance: float  # total variation, 0 .. 1; for coefficients logits

    @property
    def share_of_limit(self) -> float:
        """Above 1 a version is refused."""
        return self.distance / REFUSED_BEYOND[self.kind]

    def __str__(self) -> str:
        if self.kind == "coefficients":
            return f'the correction for "{self.name}" by {self.distance:.2f} logits'
        whose = "causes behind" if self.kind == "causes" else "calendar of"
        return f'the {whose} "{self.name}" by {100 * self.distance:.0f} points'


def moves(old: Model, new: Model) -> list[Move]:
    """Every part of the model, the one nearest to its limit, or farthest beyond it, first."""
    return sorted(_moves(old, new), key=lambda move: -move.share_of_limit)


def _moves(old: Model, new: Model) -> Iterator[Move]:
    for group, counts in new.causes.items():
        yield Move("causes", group, total_variation(old.causes[group], counts))
    for region, counts in new.schedules.items():
        for cause, mask in zip(CAUSES, CAUSE_MASKS, strict=True):
            distance = total_variation(old.schedules[region][mask], counts[mask])
            yield Move("schedules", f"{region}, {cause}", distance)
    steps = np.abs(new.coefficients - old.coefficients)
    for feature, step in zip(FEATURES, steps, strict=True):
        yield Move("coefficients", feature, float(step))


def total_variation(old: Floats, new: Floats) -> float:
    """Between the shares of two rows of counts: 0 where they are equal, at most 1."""
    return 0.5 * float(np.abs(new / new.sum() - old / old.sum()).sum())


def limited_step(step: Floats, limit: float) -> Floats:
    """A step in the same direction that moves no coefficient farther than ``limit``."""
    return step * min(1.0, limit / max(float(np.abs(step).max()), 1e-12))


def limited_counts(old: Floats, new: Floats, limit: float) -> Floats:
    """``new``, with shares no farther from those of ``old`` than ``limit``."""
    old_shares, new_shares = old / old.sum(), new / new.sum()
    kept = min(1.0, limit / max(total_variation(old, new), 1e-12))
    counts: Floats = (old_shares + kept * (new_shares - old_shares)) * new.sum()
    return counts
