"""Policies over the seeds of a world: the same invoices and the same dice for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from recover.dunning import DEFAULT, Campaign
from sandbox.chance import Chance
from sandbox.evaluation.intervals import mean_interval, paired_interval, share_interval
from sandbox.evaluation.invoices import RememberingIssuers, failed_invoices
from sandbox.evaluation.play import play
from sandbox.evaluation.registry import BASELINE, ORACLE, POLICIES, Entry
from sandbox.evaluation.tally import METRICS, Tally, tally
from sandbox.world import World

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    world: World
    policies: Sequence[str]  # names of the registry
    seeds: Sequence[int]
    invoices: int = 2000  # failed ones, per seed
    window_days: int = DEFAULT.window.days

    def names(self) -> list[str]:
        """In the registry's order, with the two that everything is measured against."""
        wanted = {*self.policies, BASELINE, ORACLE}
        return [name for name in POLICIES if name in wanted]


def evaluate(plan: Plan, progress: Progress = lambda _: None) -> dict[str, Any]:
    """The report, ready for JSON. ``progress`` is called with a policy's name after each run.

    Raises KeyError for a policy that is not in the registry.
    """
    for name in plan.policies:
        POLICIES[name]  # a wrong name is told before anything is played
    tallies: dict[str, list[Tally]] = {name: [] for name in plan.names()}
    for seed in plan.seeds:
        for name, found in one_seed(plan, seed, progress):
            tallies[name].append(found)
    return report(plan, tallies)


def one_seed(plan: Plan, seed: int, progress: Progress) -> Iterable[tuple[str, Tally]]:
    issuers = RememberingIssuers(plan.world, Chance(seed))
    invoices = failed_invoices(issuers, plan.invoices)
    window = timedelta(days=plan.window_days)
    for name in plan.names():
        entry = POLICIES[name]
        cases = play(invoices, entry.create(issuers), issuers, _campaign(entry, window))
        yield name, tally(cases, window)
        progress(name)


def _campaign(entry: Entry, window: timedelta) -> Campaign:
    return replace(DEFAULT, window=window, max_retries=entry.max_retries)


def report(plan: Plan, tallies: Mapping[str, Sequence[Tally]]) -> dict[str, Any]:
    return {
        "world": plan.world.name,
        "seeds": len(plan.seeds),
        "invoices_per_seed": plan.invoices,
        "window_days": plan.window_days,
        "baseline": BASELINE,
        "simulated": True,
        "policies": {name: _policy(name, tallies) for name in tallies},
    }


def _policy(name: str, tallies: Mapping[str, Sequence[Tally]]) -> dict[str, Any]:
    columns = {metric: _column(tallies[name], metric) for metric in METRICS}
    found: dict[str, Any] = {"title": POLICIES[name].title}
    for metric, values in columns.items():
        found[metric] = (
            int(sum(values)) if metric == "violations" else asdict(mean_interval(values))
        )
    found["against_baseline"] = {
        metric: asdict(paired_interval(columns[metric], _column(tallies[BASELINE], metric)))
        for metric in ("recovered", "recovered_money", "retry_only", "authorisations")
    }
    found["way_to_oracle"] = asdict(
        share_interval(
            columns["recovered"],
            _column(tallies[BASELINE], "recovered"),
            _column(tallies[ORACLE], "recovered"),
        )
    )
    return found


def _column(tallies: Sequence[Tally], metric: str) -> list[float]:
    return [getattr(one, metric) for one in tallies]
