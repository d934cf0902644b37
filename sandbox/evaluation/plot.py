"""The plot of the policies, as SVG: what was recovered against what was asked of the issuers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor
from typing import Any

WIDTH, HEIGHT = 860, 460
LEFT, RIGHT, TOP, BOTTOM = 64, 540, 56, 400  # of the plot itself; names stand to its right
LINE = 19  # between two names
INK, FAINT, OURS, CEILING = "#1f2933", "#d5dbe1", "#c2410c", "#0f766e"
OTHERS = "#52606d"


@dataclass(frozen=True, slots=True)
class _Point:
    title: str
    colour: str
    tries: float
    share: float  # in per cent, as are the interval's ends
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Axes:
    most_tries: int
    least: int
    most: int

    def x(self, tries: float) -> float:
        return LEFT + (RIGHT - LEFT) * tries / self.most_tries

    def y(self, share: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (share - self.least) / (self.most - self.least)


def plot(report: dict[str, Any]) -> str:
    """An SVG document for the report of `evaluate`. What recovers without tries is left to text."""
    points = [_point(name, row) for name, row in report["policies"].items() if name != "email_only"]
    points.sort(key=lambda point: -point.share)
    axes = _Axes(
        most_tries=ceil(max(point.tries for point in points) + 0.2),
        least=2 * floor(min(point.low for point in points) / 2),
        most=2 * ceil(max(point.high for point in points) / 2),
    )
    lines = [*_frame(report, axes), *_marks(points, axes), *_names(points, axes), "</svg>"]
    return "\n".join(lines) + "\n"


def _point(name: str, row: dict[str, Any]) -> _Point:
    colour = CEILING if name == "oracle" else OTHERS
    if name.startswith(("engine", "fixed")):
        colour = OURS
    share = row["recovered"]
    return _Point(
        row["title"],
        colour,
        row["authorisations"]["mean"],
        100 * share["mean"],
        100 * share["low"],
        100 * share["high"],
    )


def _frame(report: dict[str, Any], axes: _Axes) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' font-family="system-ui, sans-serif" font-size="13" fill="{INK}">'
    )
    yield "<title>Recovered share against authorisations per failed invoice</title>"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield (
        f'<text x="{LEFT}" y="26" font-size="15" font-weight="600">Recovered invoices against'
        f" retries spent: the {escape(report['world'])} world, simulated</text>"
    )
    for share in range(axes.least, axes.most + 1, 2):
        y = axes.y(share)
        yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{FAINT}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share}%</text>'
    for tries in range(axes.most_tries + 1):
        x = axes.x(tries)
        yield f'<path d="M{x:.1f} {BOTTOM}v5" stroke="{INK}"/>'
        yield f'<text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{tries}</text>'
    yield f'<path d="M{LEFT} {BOTTOM}H{RIGHT}" stroke="{INK}"/>'
    middle = (LEFT + RIGHT) / 2
    yield (
        f'<text x="{middle}" y="{BOTTOM + 42}" text-anchor="middle">retries (authorisations) per'
        " failed invoice</text>"
    )


def _marks(points: Sequence[_Point], axes: _Axes) -> Iterator[str]:
    for point in points:
        x, low, high = axes.x(point.tries), axes.y(point.low), axes.y(point.high)
        yield f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{point.colour}" opacity=".5"/>'
        yield f'<circle cx="{x:.1f}" cy="{axes.y(point.share):.1f}" r="5" fill="{point.colour}"/>'


def _names(points: Sequence[_Point], axes: _Axes) -> Iterator[str]:
    """To the right, best first, each tied to its mark; none closer than a line to the next."""
    y = float(TOP)
    for point in points:
        mark_x, mark_y = axes.x(point.tries), axes.y(point.share)
        y = max(y, mark_y)
        yield (
            f'<path d="M{mark_x + 6:.1f} {mark_y:.1f}L{RIGHT - 4} {y:.1f}H{RIGHT + 8}" fill="none"'
            f' stroke="{point.colour}" stroke-width=".7" opacity=".6"/>'
        )
        yield (
            f'<text x="{RIGHT + 12}" y="{y + 4:.1f}" fill="{point.colour}">{escape(point.title)}'
            f" ({point.share:.1f}%)</text>"
        )
        y += LINE
