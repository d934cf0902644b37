"""What is believed: an immutable value that can be kept, compared and gone back to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from recover.dunning.engine.features import FEATURES, FUNDINGS, GROUPS, REGIONS
from recover.dunning.engine.hypotheses import CAUSES, LIBRARY, PRIOR, shares
from recover.dunning.engine.paydays import Floats

CAUSE_INDEX: Final = np.array([CAUSES.index(story.cause) for story in LIBRARY])
FORMAT: Final = 1
_MAX_COUNT = 1e9  # nobody has so many failed invoices
_MAX_LOGITS = 20.0  # beyond, a chance is 0 or 1
_ASYMMETRY = 1e-6  # what rounding leaves


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Pseudo-counts in failed invoices, and a Gaussian over the correction's coefficients."""

    causes: Mapping[str, Floats]  # per code group: (causes,)
    schedules: Mapping[str, Floats]  # per pay region: (stories,), within their causes
    coefficients: Floats  # (features,), in logits
    precision: Floats  # (features, features)
    seen: int = 0  # outcomes learned from
    parent: str = ""  # the version this one was learned from

    @classmethod
    def prior(cls) -> Model:
        """The shipped beliefs of `prior.toml`."""
        strength = PRIOR["strength"]
        causes = {
            name: strength["causes"] * np.array([float(row[cause]) for cause in CAUSES])
            for name, row in PRIOR["causes"].items()
        }
        schedules = {name: strength["schedules"] * np.array(shares(name)) for name in REGIONS}
        precision = np.eye(len(FEATURES)) / strength["correction"] ** 2
        return cls(causes, schedules, np.zeros(len(FEATURES)), precision)

    def weights(self, group: str, region: str, funding: str) -> Floats:
        """How likely each story is right after the first failure: (stories,), sums to 1."""
        causes = self.causes[group] * FUNDING_TILT[funding]
        within = self.schedules[region]
        totals = np.bincount(CAUSE_INDEX, within, len(CAUSES))
        found: Floats = causes[CAUSE_INDEX] / causes.sum() * within / totals[CAUSE_INDEX]
        return found

    def for_account(self) -> Model:
        """This population's beliefs as an account's prior, held only as firmly as shipped ones."""
        strength = PRIOR["strength"]
        loosen = min(1.0, strength["account"] / max(self.seen, 1))
        extra = self.precision - SHIPPED.precision
        return replace(
            self,
            causes={n: _held(c, SHIPPED.causes[n].sum()) for n, c in self.causes.items()},
            schedules={n: _held_schedules(n, c) for n, c in self.schedules.items()},
            precision=SHIPPED.precision + loosen * extra,
            seen=0,
            parent=self.version,
        )

    def same_beliefs(self, other: Model) -> bool:
        """True where both say the same of every case, whatever they were learned from."""
        mine, theirs = self.body(), other.body()
        told = ("seen", "parent")
        return all(theirs[key] == value for key, value in mine.items() if key not in told)

    @property
    def corrected(self) -> bool:
        """False where no correction has been learned yet."""
        return _corrected(self)

    @property
    def version(self) -> str:
        """Sixteen hex digits that name exactly these beliefs."""
        return _version(self)

    def to_json(self) -> str:
        body = self.body()
        return json.dumps({"format": FORMAT, "checksum": _digest(body), "model": body})

    def body(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for JSON."""
        return {
            "causes": {name: _plain(row) for name, row in self.causes.items()},
            "schedules": {name: _plain(row) for name, row in self.schedules.items()},
            "coefficients": _plain(self.coefficients),
            "precision": _plain(self.precision),
            "seen": self.seen,
            "parent": self.parent,
        }

    @classmethod
    def from_json(cls, text: str) -> tuple[Model, str]:
        """The saved model and ""; the shipped prior and a warning where it cannot be trusted."""
        if not text.strip():
            return cls.prior(), "No saved model was found, so the shipped prior is used."
        try:
            return cls._parsed(json.loads(text)), ""
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as fault:
            why = f"{type(fault).__name__}: {fault}"[:200]
            return cls.prior(), f"The saved model is damaged ({why}); the shipped prior is used."

    @classmethod
    def _parsed(cls, saved: dict[str, Any]) -> Model:
        body = saved["model"]
        if saved["format"] != FORMAT:
            raise ValueError(f"format {saved['format']!r} is not known")
        if saved["checksum"] != _digest(body):
            raise ValueError("its checksum does not match")
        return cls(
            {name: _counts(body["causes"][name], len(CAUSES)) for name in GROUPS},
            {name: _counts(body["schedules"][name], len(LIBRARY)) for name in REGIONS},
            _within(body["coefficients"], (len(FEATURES),), _MAX_LOGITS),
            _precision(body["precision"]),
            _seen(body["seen"]),
            str(body["parent"])[:64],
        )


@lru_cache(maxsize=512)
def _corrected(model: Model) -> bool:
    return bool(model.coefficients.any())


@lru_cache(maxsize=16)  # a model is immutable, and every proposal names its version
def _version(model: Model) -> str:
    return _digest(model.body())


def _tilts() -> dict[str, Floats]:
    lasting = CAUSES.index("chronic")
    found = {name: np.ones(len(CAUSES)) for name in FUNDINGS}
    for name in FUNDINGS:
        found[name][lasting] = PRIOR["funding"][name]
    return found


FUNDING_TILT: Final = _tilts()


def _held(counts: Floats, most: float) -> Floats:
    return counts * min(1.0, most / float(counts.sum()))


def _held_schedules(region: str, counts: Floats) -> Floats:
    """Each cause has calendars of its own, and its own firmness."""
    found = counts.copy()
    for cause in range(len(CAUSES)):
        mine = cause == CAUSE_INDEX
        found[mine] = _held(counts[mine], float(SHIPPED.schedules[region][mine].sum()))
    return found


def _plain(values: Floats) -> Any:
    return np.round(values, 9).tolist()


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _within(values: Any, shape: tuple[int, ...], most: float) -> Floats:
    found = np.array(values, dtype=np.float64)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError("numbers are missing or not finite")
    if np.abs(found).max() > most:
        raise ValueError(f"a number is beyond {most:g}")
    return found


def _counts(values: Any, length: int) -> Floats:
    found = _within(values, (length,), _MAX_COUNT)
    if found.min() <= 0:
        # A cause or a calendar without any count could never be believed again.
        raise ValueError("counts must be positive")
    return found


def _precision(values: Any) -> Floats:
    found = _within(values, (len(FEATURES), len(FEATURES)), _MAX_COUNT)
    if np.abs(found - found.T).max() > _ASYMMETRY or np.linalg.eigvalsh(found)[0] <= _ASYMMETRY:
        raise ValueError("the precision is not one of a Gaussian")
    return found


def _seen(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
        raise ValueError("the number of outcomes is none")
    return value


SHIPPED: Final = Model.prior()
