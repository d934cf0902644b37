"""gunicorn serving an app, for the length of a ``with`` block."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# One worker: the figures are per process. Its threads mostly wait for a commit they share, so that
# there can be many of them.
SETTINGS = ["--workers", "1", "--worker-class", "gthread", "--threads", "64", "--keep-alive", "60"]
PATIENCE_SECONDS = 30.0


@contextmanager
def serving(app: str, environ: Mapping[str, str]) -> Iterator[int]:
    """The port of a gunicorn that serves ``app``, such as ``"app:create_app()"``."""
    port = _free_port()
    bind = ["--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    command = [sys.executable, "-m", "gunicorn", *SETTINGS, *bind, app]
    with subprocess.Popen(command, env={**os.environ, **environ}) as server:
        try:
            _wait_for(port, server)
            yield port
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("gunicorn did not start") from None
            time.sleep(0.05)
        else:
            return
