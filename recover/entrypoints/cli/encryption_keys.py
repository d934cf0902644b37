"""`recover keys rotate`: everything that is stored encrypted, encrypted anew."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from recover.compliance import key_rotation
from recover.entrypoints.cli.context import opened

console = Console()


@click.command("rotate")
def rotate() -> None:
    """Seal every stored secret with the first of ENCRYPTION_KEYS.

    Put a new key first, restart, run this; then the old key can be removed. It may be broken off
    and run again at any time.
    """
    with opened() as services, console.status("Sealing with the newest key...") as status:
        seen = 0

        def show_progress(rows: int) -> None:
            nonlocal seen
            seen += rows
            status.update(f"Sealing with the newest key: {seen} looked at...")

        done = key_rotation.rotate(services.db, services.vault, show_progress)
    console.print(
        f"{done.rotated} secrets were sealed with the newest key; {done.fresh} were already."
    )
    if done.stuck:
        for one in done.stuck:
            console.print(f"[bold red]Cannot be opened:[/] the {one}", highlight=False)
        console.print("Keep the old keys: one of them may be missing from ENCRYPTION_KEYS.")
        sys.exit(1)
    console.print("Every other key can be removed from ENCRYPTION_KEYS now.")
