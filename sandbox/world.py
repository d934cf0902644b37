"""A world file: the numbers a pretend world is made of. The TOML files say what each one means.

A file with ``base = "default"`` says only what differs from that other world.
"""

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
    outage_hours: tuple[float, float] = (1 / 3, 6.0)  # the shortest and the longest


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
    daytime_factor: float = 1.0  # 9 to 18 local, as `night_factor` is for 1 to 4


@dataclass(frozen=True, slots=True)
class Funds:
    """When money comes to an account that was empty, and how long it stays."""

    us_pay: Mapping[str, float] = field(
        default_factory=lambda: {"weekly": 30, "biweekly": 42, "semimonthly": 17, "monthly": 11}
    )
    other_pay: Mapping[str, float] = field(
        default_factory=lambda: {"weekly": 5, "biweekly": 8, "semimonthly": 7, "monthly": 80}
    )  # shares of people by how they are paid; "never" leaves them the top-ups alone
    pay_weekday: int = 4  # Monday is 0
    twice_a_month: tuple[int, int] = (1, 15)
    month_days: tuple[int, ...] = (25, 28, 30, 1)
    deposit_hours: Mapping[str, float] = field(
        default_factory=lambda: {"0": 35, "1": 20, "6": 25, "9": 20}
    )
    lasts_days: float = 5.0
    swallowed: float = 0.3  # share of paydays on which bills take it all at once
    top_up_every_days: float = 9.0
    top_up_lasts_days: float = 2.5


@dataclass(frozen=True, slots=True)
class Subscribers:
    self_cure_per_day: float
    cancel_per_day: float
    refund_share: float
    dispute_share: float


@dataclass(frozen=True, slots=True)
class Company:
    """What the company does by itself about renewals that failed, as shares of them."""

    credit_share: float = 0.0  # forgiven wholly
    part_credit_share: float = 0.0  # by a third
    elsewhere_share: float = 0.0  # paid outside Stripe
    refund_fails_share: float = 0.0  # of refunds


@dataclass(frozen=True, slots=True)
class World:
    name: str
    billing: Billing
    population: Population
    issuers: IssuerNumbers
    causes: Mapping[str, float]
    recovery: Recovery
    subscribers: Subscribers
    company: Company = field(default_factory=Company)
    calm: Mapping[str, float] = field(default_factory=dict)  # empty: a world with weather
    funds: Funds = field(default_factory=Funds)
    codes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by cause, if unusual

    @classmethod
    def load(cls, name: str) -> World:
        """``name`` is a file in worlds/ without its ending, or a path to a TOML file.

        Raises FileNotFoundError, or TypeError naming a key that is missing or unknown.
        """
        return cls.from_dict(_read(name))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> World:
        billing = dict(data["billing"])
        billing["stripe_retries"] = tuple(billing["stripe_retries"])
        return cls(
            name=data["name"],
            billing=Billing(**billing),
            population=Population(**data["population"]),
            issuers=IssuerNumbers(**_tuples(data["issuers"])),
            causes=data["causes"],
            recovery=Recovery(**data["recovery"]),
            subscribers=Subscribers(**data["subscribers"]),
            company=Company(**data.get("company", {})),
            calm=data.get("calm", {}),
            funds=Funds(**_tuples(data.get("funds", {}))),
            codes=data.get("codes", {}),
        )


def _read(name: str) -> dict[str, Any]:
    path = Path(name) if name.endswith(".toml") else WORLDS / f"{name}.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    if "base" not in data:
        return data
    merged = _read(data.pop("base"))
    for key, value in data.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
