"""How far one model is from another, part by part, and what no honest night comes near."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from recover.dunning.engine.features import FEATURES
from recover.dunning.engine.hypotheses import CAUSES
from recover.dunning.engine.model import CAUSE_INDEX, Model
from recover.dunning.engine.paydays import Floats

STEP: Final = {"causes": 0.25, "schedules": 0.15, "coefficients": 1.0}
"""How far one version goes at most: in total variation of a group's causes or of the calendars of
one cause in a region, and in logits."""
TOO_FAR: Final = {"causes": 0.5, "schedules": 0.25, "coefficients": 4.0}
"""Where outcomes point farther than this, something is wrong with them and nothing is learned.

Three thousand honest outcomes at once point 0.11, 0.04 and 0.4 far in the evaluation's worlds, and
0.38, 0.04 and 3.1 in worlds made to be as strange as can be (tries that succeed in the evening
only, or on one day of the week). With every answer turned round they point 0.57, 0.08 and 3.8 far,
told as successes all of them 0.75, 0.13 and 3.4.
"""


@dataclass(frozen=True, slots=True)
class Move:
    """One part of the model and how far it moved. ``kind`` is a key of `TOO_FAR`."""

    kind: str
    name: str  # of the group, the region with its cause, or the coefficient
    by: float  # a share, as total variation; for coefficients logits

    @property
    def of_bound(self) -> float:
        """1 at the bound at which a version is refused."""
        return self.by / TOO_FAR[self.kind]

    def __str__(self) -> str:
        if self.kind == "coefficients":
            return f'the correction for "{self.name}" by {self.by:.2f} logits'
        whose = "causes behind" if self.kind == "causes" else "calendar of"
        return f'the {whose} "{self.name}" by {100 * self.by:.0f} points'


def moves(old: Model, new: Model) -> list[Move]:
    """Every part, the farthest (of what is allowed) first."""
    return sorted(_moves(old, new), key=lambda move: -move.of_bound)


def _moves(old: Model, new: Model) -> Iterator[Move]:
    for name, counts in new.causes.items():
        yield Move("causes", name, variation(old.causes[name], counts))
    for name, counts in new.schedules.items():
        for index, cause in enumerate(CAUSES):
            mine = index == CAUSE_INDEX
            by = variation(old.schedules[name][mine], counts[mine])
            yield Move("schedules", f"{name}, {cause}", by)
    for name, by in zip(FEATURES, np.abs(new.coefficients - old.coefficients), strict=True):
        yield Move("coefficients", name, float(by))


def variation(old: Floats, new: Floats) -> float:
    """Total variation between two rows of counts: the share that changed places."""
    return 0.5 * float(np.abs(new / new.sum() - old / old.sum()).sum())


def shortened(step: Floats, most: float) -> Floats:
    """The same direction, no coefficient farther than ``most``."""
    return step * min(1.0, most / max(float(np.abs(step).max()), 1e-12))


def drawn_back(old: Floats, new: Floats, most: float) -> Floats:
    """``new``, drawn back towards ``old`` where it moved farther than ``most``."""
    was, is_now = old / old.sum(), new / new.sum()
    share = min(1.0, most / max(variation(old, new), 1e-12))
    found: Floats = (was + share * (is_now - was)) * new.sum()
    return found
