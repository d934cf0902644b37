"""``python -m bench [--json] [NAME ...]``: run the benchmarks; non-zero where one misses its limit.

Real gunicorn, Redis and PostgreSQL, all of the run's own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from bench import decisions, history_import, inbox_drain, record, webhook_ack
from bench.figures import Figure, show
from bench.servers import postgres_server, redis_server

BENCHMARKS: dict[str, Callable[[str, str], list[Figure]]] = {
    "webhook_ack": webhook_ack.figures,
    "inbox_drain": inbox_drain.figures,
    "decisions": decisions.figures,
    "record": record.figures,
    "history_import": history_import.figures,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Ratios measured in one run.")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    options = parser.parse_args()
    missed = False
    for name in options.names or BENCHMARKS:
        with redis_server() as redis_url, postgres_server() as postgres_url:
            found = BENCHMARKS[name](postgres_url, redis_url)
        show(found, as_json=options.json)
        missed |= any(figure.missed for figure in found)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
