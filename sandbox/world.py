"""A world file: the numbers a pretend world is made of. The TOML files say what each one means."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORLDS = Path(__file__).parent / "worlds"


@dataclass(frozen=True, slots=True)
class Billing:
    failure_rate: float
    stripe_retries: tuple[int, ...]
    end_action: str
    upcoming_days: float
    legacy_sources: float
    subscription_methods: float


@dataclass(frozen=True, slots=True)
class Population:
    countries: Mapping[str, float]
    brands: Mapping[str, float]
    funding: Mapping[str, float]
    european_debit: float
    amount_median_minor: int
    amount_sigma: float


@dataclass(frozen=True, slots=True)
class IssuerNumbers:
    count: int
    advice_share: float
    updater_us: float
    updater_elsewhere: float
    outages_per_month: float


@dataclass(frozen=True, slots=True)
class Recovery:
    approve_open: float
    approve_closed: float
    night_factor: float
    fatigue: float
    second_within_6h: float
    chronically_short_debit: float
    chronically_short_credit: float
    risk_clears: float
    risk_clears_days: float
    technical_median_hours: float
    updater_after_failure: float
    updater_days: float


@dataclass(frozen=True, slots=True)
class Subscribers:
    self_cure_per_day: float
    cancel_per_day: float
    refund_share: float
    dispute_share: float


@dataclass(frozen=True, slots=True)
class World:
    name: str
    billing: Billing
    population: Population
    issuers: IssuerNumbers
    causes: Mapping[str, float]
    recovery: Recovery
    subscribers: Subscribers
    calm: Mapping[str, float] = field(default_factory=dict)  # empty: a world with weather

    @classmethod
    def load(cls, name: str) -> World:
        """``name`` is a file in worlds/ without its ending, or a path to a TOML file.

        Raises FileNotFoundError, or TypeError naming a key that is missing or unknown.
        """
        path = Path(name) if name.endswith(".toml") else WORLDS / f"{name}.toml"
        return cls.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> World:
        billing = dict(data["billing"])
        billing["stripe_retries"] = tuple(billing["stripe_retries"])
        return cls(
            name=data["name"],
            billing=Billing(**billing),
            population=Population(**data["population"]),
            issuers=IssuerNumbers(**data["issuers"]),
            causes=data["causes"],
            recovery=Recovery(**data["recovery"]),
            subscribers=Subscribers(**data["subscribers"]),
            calm=data.get("calm", {}),
        )
