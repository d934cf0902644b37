"""Services for the commands, and the audit log entry that each command writes."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from recover.compliance import audit_log
from recover.foundation import config
from recover.services import Services, build


@contextmanager
def opened() -> Iterator[Services]:
    """Services for one command, and its entry in the audit log."""
    with closing(build(config.load())) as services:
        note(services)
        yield services


def note(services: Services) -> None:
    """Write to the audit log which command was run, by which user of this machine.

    Of its arguments only numbers are stored, such as an account's id: others may be a key or name a
    person.
    """
    context = click.get_current_context()
    numbers = {
        name: value
        for name, value in context.params.items()
        if isinstance(value, int) and value is not None
    }
    with services.db.begin() as session:
        audit_log.write(
            session,
            "command",
            f"Run at the command line by {_user()}.",
            services.now(),
            audit_log.Subject(f"command:{context.command_path}"[:255]),
            actor=audit_log.COMMAND,
            details=numbers,
        )


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not have a name
        return f"user number {os.getuid()}"
