"""The card networks' limits on repeated attempts, read from `data/network_rules.toml`.

A change of the rules is a new row with the day it takes effect; no row is ever edited.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """How many attempts one card may have: every authorisation by anyone counts, the first too."""

    network: str  # Stripe's card brand, or the type of a bank debit; "default" for all others
    in_force_from: date
    max_attempts: int  # in a rolling `window`; never above our own ceiling
    window: timedelta
    max_per_day: int | None  # in a rolling 24 hours
    source: str
    network_attempts: int = 0  # the network's own number for `max_attempts`, before our ceiling


_DATA: dict[str, Any] = tomllib.loads(
    resources.files("recover.dunning").joinpath("data/network_rules.toml").read_text("utf-8")
)
DEFAULT_RETRIES: int = _DATA["ours"]["default_retries"]
CEILING: int = _DATA["ours"]["ceiling"]


def _network_rules(row: dict[str, Any]) -> NetworkRules:
    return NetworkRules(
        network=row["network"],
        in_force_from=row["from"],
        max_attempts=min(row["max_attempts"], CEILING),
        window=timedelta(days=row["window_days"]),
        max_per_day=row.get("max_per_day"),
        source=row["source"],
        network_attempts=row["max_attempts"],
    )


def _dated_categories(row: dict[str, Any]) -> tuple[date, dict[str, int]]:
    """(the day they take effect, the category of each code)."""
    lists = enumerate((row["never"], row["not_now"], row["data"]), start=1)
    return row["from"], {code: number for number, codes in lists for code in codes}


_LIMITS = sorted(map(_network_rules, _DATA["limits"]), key=lambda rules: rules.in_force_from)
_VISA = sorted(map(_dated_categories, _DATA["visa_categories"]), key=lambda dated: dated[0])
_NETWORKS = frozenset(rules.network for rules in _LIMITS)


@lru_cache(maxsize=4096)
def rules_for(network: str, on: date) -> NetworkRules:
    """The limits on ``on`` for a card brand or bank-debit type in Stripe's spelling."""
    name = network if network in _NETWORKS else "default"
    dated = [rules for rules in _LIMITS if rules.network == name]
    return next((rules for rules in reversed(dated) if rules.in_force_from <= on), dated[0])


def visa_category(network_decline_code: str, on: date | None = None) -> int:
    """1 never again, 2 not now, 3 wrong data, 4 anything else. ``on`` None: the newest list."""
    lists = [codes for start, codes in _VISA if on is None or start <= on] or [_VISA[0][1]]
    return lists[-1].get(network_decline_code, 4)
