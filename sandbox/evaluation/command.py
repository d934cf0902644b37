"""`recover evaluate`, and `python -m sandbox.evaluation`."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from recover.dunning import DEFAULT
from sandbox.evaluation.evaluation import Plan, evaluate
from sandbox.evaluation.registry import POLICIES, available
from sandbox.world import World


@click.command("evaluate")
@click.option("--world", "worlds", multiple=True, default=["default"], help="Name or TOML file.")
@click.option(
    "--policy", "policies", multiple=True, type=click.Choice(list(POLICIES)), help="Default: all."
)
@click.option("--seeds", default=20, type=click.IntRange(1), help="How many, from --first-seed on.")
@click.option("--first-seed", default=1)
@click.option("--invoices", default=2000, type=click.IntRange(1), help="Failed ones, per seed.")
@click.option("--days", default=DEFAULT.window.days, type=click.IntRange(1, 60), help="Window.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per world, on a line each.")
def command(
    worlds: tuple[str, ...],
    policies: tuple[str, ...],
    seeds: int,
    first_seed: int,
    invoices: int,
    days: int,
    as_json: bool,
) -> None:
    """Compare retry policies in pretend worlds.

    All of it is simulated: the figures are properties of a world's assumptions. Days 1/3/7/13 and
    the oracle are always played, for the others are measured against them.
    """
    for name in worlds:
        plan = Plan(
            _world(name),
            policies or available(),
            range(first_seed, first_seed + seeds),
            invoices,
            days,
        )
        found = with_progress(plan)
        if as_json:
            click.echo(json.dumps(found))
        else:
            Console().print(_table(found))


def _world(name: str) -> World:
    try:
        return World.load(name)
    except FileNotFoundError:
        raise click.BadParameter(f"there is no world {name!r}", param_hint="--world") from None
    except (KeyError, TypeError, ValueError) as error:
        raise click.BadParameter(f"{name}: {error}", param_hint="--world") from None


def with_progress(plan: Plan) -> dict[str, Any]:
    """`evaluate`, with a bar on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        steps = len(plan.seeds) * len(plan.names())
        task = progress.add_task(plan.world.name, total=steps)
        return evaluate(plan, lambda _: progress.advance(task))


def _table(found: dict[str, Any]) -> Table:
    table = Table(
        title=f"{found['world']}: {found['seeds']} seeds of {found['invoices_per_seed']} failed"
        f" invoices, {found['window_days']} days; simulated",
    )
    for heading in (
        "policy",
        "recovered",
        "against 1/3/7/13",
        "way to oracle",
        "tries",
        "retry only",
        "violations",
    ):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for row in found["policies"].values():
        gain = row["against_baseline"]["recovered"]
        table.add_row(
            row["title"],
            f"{row['recovered']['mean']:.1%}",
            f"{100 * gain['mean']:+.1f} ({100 * gain['low']:+.1f} to {100 * gain['high']:+.1f})",
            f"{row['way_to_oracle']['mean']:.0%}",
            f"{row['authorisations']['mean']:.2f}",
            f"{row['retry_only']['mean']:.1%}",
            str(row["violations"]),
        )
    return table
