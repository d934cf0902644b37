"""Plays every world and writes the figures into docs/evaluation.md, with the plot beside it.

``python -m sandbox.evaluation.document`` does all of it. ``--reports FILE`` takes what
``recover evaluate --json`` printed, a world on each line, instead of playing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sandbox.evaluation.command import with_progress
from sandbox.evaluation.evaluation import Plan
from sandbox.evaluation.plot import plot
from sandbox.evaluation.registry import OFFLINE, available
from sandbox.world import World

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PLOT = DOCS / "evaluation.md", DOCS / "evaluation.svg"
BEGIN, END = "<!-- figures: written by a command -->", "<!-- end of figures -->"
SEEDS = range(1, 21)
INVOICES = 2000
WORLDS = {
    "default": "The default world",
    "no_paydays": "Paydays do not matter",
    "wrong_prior": "What is commonly believed is wrong",
    "outages": "Issuers go down",
    "abroad": "Mostly outside the US",
    "hard_declines": "Mostly dead cards",
    "mastercard_advice": "Mastercard's advice everywhere",
}
WITH_TREES = frozenset({"default", "wrong_prior"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, help="JSON lines, instead of playing")
    parser.add_argument("--invoices", type=int, default=INVOICES, help="failed ones, per seed")
    options = parser.parse_args()
    reports = read(options.reports) if options.reports else played(options.invoices)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), reports), encoding="utf-8")
    PLOT.write_text(plot(reports[0]), encoding="utf-8")


def played(invoices: int) -> list[dict[str, Any]]:
    plans = [Plan(World.load(name), policies(name), SEEDS, invoices) for name in WORLDS]
    return [with_progress(plan) for plan in plans]


def policies(world: str) -> list[str]:
    """The boosted trees take long to fit: they are played where something hangs on them."""
    return [name for name in available() if name != OFFLINE or world in WITH_TREES]


def read(path: Path) -> list[dict[str, Any]]:
    """In the order of the page, whatever the file's."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    order = list(WORLDS)
    return sorted(lines, key=lambda report: order.index(report["world"]))


def filled(page: str, reports: Sequence[dict[str, Any]]) -> str:
    """The page with new figures between its markers. ValueError where it lacks them."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return "\n".join([f"{before}{BEGIN}", "", *_sections(reports), END]) + after


def _sections(reports: Sequence[dict[str, Any]]) -> Iterator[str]:
    invoices = reports[0]["invoices_per_seed"]
    yield f"Written by `python -m sandbox.evaluation.document --invoices {invoices}`."
    yield ""
    for report in reports:
        yield f"### {WORLDS[report['world']]}"
        yield ""
        yield (
            f"`sandbox/worlds/{report['world']}.toml`, {report['seeds']} seeds of"
            f" {report['invoices_per_seed']:,} failed invoices,"
            f" {report['window_days']} days for each."
        )
        yield ""
        if report["world"] == "default":
            yield "![Recovered share against authorisations per failed invoice](evaluation.svg)"
            yield ""
        yield from _table(report["policies"])
        yield ""


def _table(policies: dict[str, Any]) -> Iterator[str]:
    yield (
        "| Policy | Recovered | Against 1/3/7/13, points | Way to the oracle | Money | By day 14"
        " | Retry-only | Tries | Days past due | Mails | Violations |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for row in policies.values():
        yield f"| {' | '.join(_cells(row))} |"


def _cells(row: dict[str, Any]) -> list[str]:
    gain = row["against_baseline"]["recovered"]
    points = (f"{100 * gain[key]:+.1f}" for key in ("mean", "low", "high"))
    return [
        row["title"],
        f"{row['recovered']['mean']:.1%}",
        "{} ({} to {})".format(*points),
        _way(row["way_to_oracle"]),
        f"{row['recovered_money']['mean']:.1%}",
        f"{row['recovered_by_day_14']['mean']:.1%}",
        f"{row['retry_only']['mean']:.1%}",
        f"{row['authorisations']['mean']:.2f}",
        f"{row['days_past_due']['mean']:.1f}",
        f"{row['mails']['mean']:.2f}",
        str(row["violations"]),
    ]


def _way(way: dict[str, float]) -> str:
    """Nothing where the baseline is farther away than the oracle is from it."""
    if way["mean"] < -1:
        return ""
    return f"{way['mean']:.0%} ({way['low']:.0%} to {way['high']:.0%})"


if __name__ == "__main__":
    main()
