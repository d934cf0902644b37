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
        base = Model.prior()
        return replace(
            self,
            causes={name: _held(n, strength["causes"]) for name, n in self.causes.items()},
            schedules={n: _held(c, base.schedules[n].sum()) for n, c in self.schedules.items()},
            precision=base.precision + loosen * (self.precision - base.precision),
            seen=0,
            parent=self.version,
        )

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
        width = len(FEATURES)
        return cls(
            {name: _counts(body["causes"][name], len(CAUSES)) for name in GROUPS},
            {name: _counts(body["schedules"][name], len(LIBRARY)) for name in REGIONS},
            _finite(body["coefficients"], (width,)),
            _finite(body["precision"], (width, width)),
            int(body["seen"]),
            str(body["parent"]),
        )


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


def _plain(values: Floats) -> Any:
    return np.round(values, 9).tolist()


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _finite(values: Any, shape: tuple[int, ...]) -> Floats:
    found = np.array(values, dtype=np.float64)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError("numbers are missing or not finite")
    return found


def _counts(values: Any, length: int) -> Floats:
    found = _finite(values, (length,))
    if (found < 0).any() or found.sum() <= 0:
        raise ValueError("counts must not be negative")
    return found
