"""Files in memory: what tests write is soon deleted, and waiting for a disk proves nothing.

Tests kill processes, never the machine; a file in memory outlives a process as one on disk does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3  # bytes; about ten times what the whole suite holds at one time


def use() -> None:
    """Put temporary files there, also those of pytest and of child processes.

    A TMPDIR that is set wins, and so does a machine that has no such place, or little room in it.
    """
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # look at TMPDIR again


def _has_room() -> bool:
    return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
