"""The demo: a pretend company's month of renewals, in about a minute, with every real part.

``python -m sandbox.demo`` plays the month and stays up; ``--exit --json`` prints the verdict as one
JSON object and exits 0 only if our ledger and the sandbox's books agree and no fault was counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from recover.foundation.money import format_money
from sandbox.director import Stuck
from sandbox.sandbox import START
from sandbox.stage import Stage, card_page_link, stage
from sandbox.verdict import Verdict, judge

DIRECTORY = Path(__file__).parent.parent / ".run" / "demo"


def main() -> None:
    options = _options()
    console = Console(stderr=True)
    console.print("[bold]Recover[/] plays a month of a pretend company's renewals.")
    with stage(
        DIRECTORY,
        world=options.world,
        seed=options.seed,
        subscribers=options.subscribers,
        days=options.days,
    ) as scene:
        _addresses(console, scene)
        verdict = _play(console, scene, options.days)
        if options.json:
            print(json.dumps(verdict.as_json(), indent=2))
        _report(console, verdict)
        if not options.exit:
            _stay(console, scene)
    sys.exit(0 if verdict.good else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end when the month is over")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    parser.add_argument("--seed", type=int, default=1, help="another month with another seed")
    parser.add_argument("--subscribers", type=int, default=300)
    parser.add_argument("--days", type=int, default=30, help="of renewals")
    parser.add_argument("--world", default="default", help="a file in sandbox/worlds")
    return parser.parse_args()


def _addresses(console: Console, scene: Stage) -> None:
    console.print(f"  dashboard   {scene.mail_url}/founder   (signs you in)", soft_wrap=True)
    console.print(f"  mailbox     {scene.mail_url}/")
    console.print(f"  Stripe      {scene.stripe_url}/   (pretend)")


def _play(console: Console, scene: Stage, days: int) -> Verdict:
    until = START + timedelta(days=days)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"{START:%-d %B}", total=days * 86400, told="")

        def show(moment: datetime) -> None:
            won = sum(1 for c in scene.sandbox.books.failed.values() if c.recovered_at)
            progress.update(
                task,
                completed=(moment - START).total_seconds(),
                description=f"{moment:%-d %B}",
                told=f"{len(scene.sandbox.books.failed)} failed, {won} won back,"
                f" {scene.mailbox.received} mails",
            )
            if name := scene.processes.ended():
                raise Stuck(f"the {name} process ended; see {DIRECTORY}/{name}.log")

        scene.director.run(until, show)
        progress.update(task, completed=days * 86400)
    return judge(scene.sandbox, scene.services.db, scene.mailbox.messages())


def _report(console: Console, verdict: Verdict) -> None:
    money = ", ".join(format_money(v, k) for k, v in verdict.recovered_minor.items())
    console.print(
        f"{verdict.recovered_invoices} of {verdict.failed_invoices} failed invoices were won back"
        f" by the end of the month ({money or 'nothing'}). All of it is simulated."
    )
    if verdict.good:
        console.print("Our ledger and the pretend Stripe's own books agree to the cent.")
        return
    console.print("[bold red]The two sides disagree, or something was done that must not be:[/]")
    console.print_json(json.dumps(verdict.as_json()))


def _stay(console: Console, scene: Stage) -> None:
    console.print("\nOpen these, and press Ctrl-C when you have seen enough:")
    _addresses(console, scene)
    link = card_page_link(scene.services)
    console.print(f"  card page   {link or '(nobody owes anything now)'}", soft_wrap=True)
    console.print("  a card      4242 4242 4242 4242, or any of Stripe's test numbers")
    try:
        while True:
            scene.director.settle()
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("Goodbye.")


if __name__ == "__main__":
    main()
