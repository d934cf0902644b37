"""The model of one account: an immutable value that can be saved, compared and gone back to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from recover.dunning.engine.arrays import Bools, Floats, Ints
from recover.dunning.engine.features import FEATURES, FUNDINGS, GROUPS, REGIONS, Stratum
from recover.dunning.engine.hypotheses import CAUSES, HYPOTHESES, PARAMETERS, schedule_shares

CAUSE_INDEX: Final[Ints] = np.array([CAUSES.index(each.cause) for each in HYPOTHESES])
"""The cause of each hypothesis as an index into `CAUSES`: (hypotheses,)."""
CAUSE_MASKS: Final[tuple[Bools, ...]] = tuple(
    np.equal(CAUSE_INDEX, cause) for cause in range(len(CAUSES))
)
"""True for the hypotheses of one cause, in the order of `CAUSES`: (hypotheses,) each."""
FORMAT: Final = 1
_MAX_COUNT = 1e9  # nobody has so many failed invoices
_MAX_LOGITS = 20.0  # beyond, a chance is 0 or 1
_ROUNDING = 1e-6  # how far rounding may leave a saved precision from symmetry


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What is believed: Dirichlet pseudo-counts in failed invoices, and a Gaussian in logits.

    The counts say how often each cause and each calendar is behind a decline. The Gaussian is over
    the coefficients of a logistic correction, which says what the hypotheses cannot.
    """

    causes: Mapping[str, Floats]  # θ, by code group: (causes,)
    schedules: Mapping[str, Floats]  # ψ, by pay region: (hypotheses,); shares within each cause
    coefficients: Floats  # β, the Gaussian's mean: (features,)
    precision: Floats  # Λ, its inverse covariance: (features, features)
    seen: int = 0  # how many outcomes it was fitted to
    parent: str = ""  # the version in use before it

    @classmethod
    def prior(cls) -> Model:
        """The shipped model, made from ``prior.toml``."""
        strength = PARAMETERS["strength"]
        causes = {
            group: strength["causes"] * np.array([float(row[cause]) for cause in CAUSES])
            for group, row in PARAMETERS["causes"].items()
        }
        schedules = {
            region: strength["schedules"] * np.array(schedule_shares(region)) for region in REGIONS
        }
        precision = np.eye(len(FEATURES)) / strength["correction"] ** 2
        return cls(causes, schedules, np.zeros(len(FEATURES)), precision)

    def hypothesis_prior(self, stratum: Stratum) -> Floats:
        """w: how likely each hypothesis is right after the renewal failed; sums to 1."""
        causes = self.causes[stratum.group] * FUNDING_ODDS[stratum.funding]
        schedules = self.schedules[stratum.region]
        of_cause = np.bincount(CAUSE_INDEX, schedules, len(CAUSES))
        prior: Floats = causes[CAUSE_INDEX] / causes.sum() * schedules / of_cause[CAUSE_INDEX]
        return prior

    def for_account(self) -> Model:
        """This population model as one account's prior, no stronger than the shipped one."""
        strength = PARAMETERS["strength"]
        kept = min(1.0, strength["account"] / max(self.seen, 1))
        information = self.precision - SHIPPED.precision
        return replace(
            self,
            causes={
                group: _scaled_down(counts, SHIPPED.causes[group])
                for group, counts in self.causes.items()
            },
            schedules={
                region: within_causes(_scaled_down, counts, SHIPPED.schedules[region])
                for region, counts in self.schedules.items()
            },
            precision=SHIPPED.precision + kept * information,
            seen=0,
            parent=self.version,
        )

    def same_beliefs(self, other: Model) -> bool:
        """True where both say the same of every case, whatever they were fitted to."""
        mine, theirs = self.body(), other.body()
        origin = ("seen", "parent")
        return all(theirs[key] == value for key, value in mine.items() if key not in origin)

    @property
    def has_correction(self) -> bool:
        """False where all coefficients are 0, so that only the hypotheses speak."""
        return _has_correction(self)

    @property
    def version(self) -> str:
        """Sixteen hex digits that name exactly this model."""
        return _version(self)

    def to_json(self) -> str:
        body = self.body()
        return json.dumps({"format": FORMAT, "checksum": checksum(body), "model": body})

    def body(self) -> dict[str, Any]:
        """Lists and numbers, ready for JSON."""
        return {
            "causes": {group: _rounded(counts) for group, counts in self.causes.items()},
            "schedules": {region: _rounded(counts) for region, counts in self.schedules.items()},
            "coefficients": _rounded(self.coefficients),
            "precision": _rounded(self.precision),
            "seen": self.seen,
            "parent": self.parent,
        }

    @classmethod
    def from_json(cls, text: str) -> tuple[Model, str]:
        """(the saved model, ""), or (the shipped prior, a warning) where it cannot be trusted."""
        if not text.strip():
            return cls.prior(), "No saved model was found, so the shipped prior is used."
        try:
            return cls._from_saved(json.loads(text)), ""
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as fault:
            why = f"{type(fault).__name__}: {fault}"[:200]
            return cls.prior(), f"The saved model is damaged ({why}); the shipped prior is used."

    @classmethod
    def _from_saved(cls, saved: dict[str, Any]) -> Model:
        body = saved["model"]
        if saved["format"] != FORMAT:
            raise ValueError(f"format {saved['format']!r} is not known")
        if saved["checksum"] != checksum(body):
            raise ValueError("its checksum does not match")
        return cls(
            {group: _checked_counts(body["causes"][group], len(CAUSES)) for group in GROUPS},
            {
                region: _checked_counts(body["schedules"][region], len(HYPOTHESES))
                for region in REGIONS
            },
            _checked_array(body["coefficients"], (len(FEATURES),), _MAX_LOGITS),
            _checked_precision(body["precision"]),
            _checked_seen(body["seen"]),
            str(body["parent"])[:64],
        )


@lru_cache(maxsize=512)
def _has_correction(model: Model) -> bool:
    return bool(model.coefficients.any())


@lru_cache(maxsize=16)  # a model is immutable, and every proposal names its version
def _version(model: Model) -> str:
    return checksum(model.body())


def _funding_odds() -> dict[str, Floats]:
    odds = {funding: np.ones(len(CAUSES)) for funding in FUNDINGS}
    for funding, of_causes in odds.items():
        of_causes[CAUSES.index("chronic")] = PARAMETERS["funding"][funding]
    return odds


FUNDING_ODDS: Final = _funding_odds()
"""φ: by what a card's funding multiplies the odds of each cause: (causes,)."""


def within_causes(rule: Callable[..., Floats], *schedules: Floats) -> Floats:
    """``rule`` applied to the schedules' counts of one cause at a time: (hypotheses,).

    Each cause has calendars of its own, whose counts are shares of that cause alone.
    """
    result = np.empty(len(CAUSE_INDEX))
    for mask in CAUSE_MASKS:
        result[mask] = rule(*(counts[mask] for counts in schedules))
    return result


def _scaled_down(counts: Floats, shipped: Floats) -> Floats:
    """The same shares, with no more counts in all than the shipped ones have."""
    return counts * min(1.0, float(shipped.sum()) / float(counts.sum()))


def _rounded(values: Floats) -> Any:
    return np.round(values, 9).tolist()


def checksum(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _checked_array(values: Any, shape: tuple[int, ...], limit: float) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError("numbers are missing or not finite")
    if np.abs(array).max() > limit:
        raise ValueError(f"a number is beyond {limit:g}")
    return array


def _checked_counts(values: Any, length: int) -> Floats:
    counts = _checked_array(values, (length,), _MAX_COUNT)
    if counts.min() <= 0:
        # A cause or a calendar without any count could never be believed again.
        raise ValueError("counts must be positive")
    return counts


def _checked_precision(values: Any) -> Floats:
    matrix = _checked_array(values, (len(FEATURES), len(FEATURES)), _MAX_COUNT)
    if np.abs(matrix - matrix.T).max() > _ROUNDING or np.linalg.eigvalsh(matrix)[0] <= _ROUNDING:
        raise ValueError("the precision is not one of a Gaussian")
    return matrix


def _checked_seen(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
        raise ValueError("the number of outcomes is none")
    return value


SHIPPED: Final = Model.prior()
