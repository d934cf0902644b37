"""Writes the next migration: what the models have that the newest migration has not.

    python tests/support/new_migration.py "what changed"

It compares with a fresh database of its own, so that nobody's settings or data are needed. What it
wrote is to be read: a column that is not nullable needs a ``server_default``, for there are rows.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from recover.foundation.upgrade import alembic_config

STEP = 10  # between the numbers of two migrations, so that one can be put in between


def write(message: str, scripts: Path | None = None) -> Path:
    """The new file, beside the others; ``scripts`` is another folder of migrations than ours."""
    with tempfile.TemporaryDirectory() as folder:
        config = alembic_config(f"sqlite:///{folder}/fresh.db")
        if scripts:
            config.set_main_option("script_location", str(scripts))
        command.upgrade(config, "head")
        newest = ScriptDirectory.from_config(config).get_current_head()
        assert newest is not None
        number = f"{(int(newest) // STEP + 1) * STEP:04}"
        made = command.revision(config, message, autogenerate=True, rev_id=number)
    assert made is not None
    assert not isinstance(made, list)
    return Path(made.path)


if __name__ == "__main__":
    if not sys.argv[1:] or not sys.argv[1].strip():
        sys.exit('Say what changed: make migration m="what changed"')
    sys.stdout.write(f"Written, for you to read: {write(sys.argv[1])}\n")
