"""Serve a WSGI application from a thread; as a program, serve a sandbox on its own."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_LOOK_SECONDS = 0.02  # how often a server looks whether it shall stop


class _Quiet(WSGIRequestHandler):
    """Keeps connections open between requests, and keeps quiet about them."""

    protocol_version = "HTTP/1.1"
    # Without this every answer waits for the other side's delayed acknowledgement.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        pass


@dataclass(frozen=True, slots=True)
class RunningServer:
    """``url`` has no slash at its end; ``stop`` returns when the port is free again."""

    url: str
    stop: Callable[[], None]


def serve(app: WSGIApplication, port: int = 0, host: str = "127.0.0.1") -> RunningServer:
    """Port 0 takes any free one."""
    server = make_server(host, port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(
        target=server.serve_forever, args=[_LOOK_SECONDS], daemon=True, name=f"serve-{port}"
    )
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return RunningServer(f"http://{host}:{server.server_port}", stop)


def main() -> None:
    from sandbox.api import create_stripe  # noqa: PLC0415 - the server above needs no sandbox
    from sandbox.sandbox import Sandbox  # noqa: PLC0415

    parser = argparse.ArgumentParser(description="A pretend Stripe.")
    parser.add_argument("--world", default="default", help="a file in sandbox/worlds, or a path")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--subscribers", type=int, default=100)
    options = parser.parse_args()
    sandbox = Sandbox(options.world, options.seed, subscribers=options.subscribers)
    running = serve(create_stripe(sandbox), options.port)
    sandbox.state.base_url = running.url
    print(f"Stripe: {running.url}")
    print(f"platform key: {sandbox.platform_key}")
    print(f"account: {sandbox.account_id}, key: {sandbox.account_key}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        running.stop()
        sandbox.close()


if __name__ == "__main__":
    main()
