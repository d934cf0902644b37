"""What a benchmark says: one number, and how it compares with another of the same run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``ratio`` is ``value`` over the ``base`` measured beside it; it should reach ``limit``."""

    name: str
    value: float
    unit: str
    base: float
    base_name: str
    limit: float | None = None  # None: shown for comparison, never a failure

    @property
    def ratio(self) -> float:
        return self.value / self.base

    @property
    def missed(self) -> bool:
        return self.limit is not None and self.ratio < self.limit

    def line(self) -> str:
        limit = f"limit {self.limit:g}" if self.limit is not None else "no limit"
        verdict = "MISSED" if self.missed else "ok"
        return (
            f"{self.name:28} {self.value:10,.0f} {self.unit:9} "
            f"ratio {self.ratio:7.2f}  {limit:9}  {verdict:6}  "
            f"({self.base_name}: {self.base:,.0f})"
        )

    def as_json(self) -> str:
        return json.dumps(
            asdict(self) | {"ratio": round(self.ratio, 3), "missed": self.missed}, sort_keys=True
        )


def show(figures: Iterable[Figure], *, as_json: bool) -> None:
    for figure in figures:
        print(figure.as_json() if as_json else figure.line(), flush=True)
