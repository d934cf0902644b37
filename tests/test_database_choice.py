"""Which tests run on which database."""

from __future__ import annotations

import pytest
from database_choice import DATABASES, drawn
from repository import ROOT

pytest_plugins = ("pytester",)

TESTS = """
import pytest

@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    return request.param

@pytest.mark.both_databases
def test_that_may_differ(database_url):
    pass

@pytest.mark.parametrize("n", range(40))
def test_that_is_the_same(database_url, n):
    pass

def test_without_any():
    pass
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """The names of the tests that a run with these words would take."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "support")
    pytester.makepyfile(TESTS)
    pytester.makeini("[pytest]\nmarkers = both_databases: runs on both")

    def listed(*words):
        shown = pytester.runpytest("-p", "database_choice", "--collect-only", "-q", *words)
        return [line.split("::")[1] for line in shown.outlines if "::" in line]

    return listed


def test_a_test_draws_one_database_unless_the_two_may_differ(run):
    listed = run()

    assert [name for name in listed if "may_differ" in name] == [
        "test_that_may_differ[sqlite]",
        "test_that_may_differ[postgresql]",
    ]
    assert "test_without_any" in listed
    once = [name for name in listed if "same" in name]
    assert len(once) == len({name.rpartition("-")[2] for name in once}) == 40
    assert {name.split("[")[1].split("-")[0] for name in once} == set(DATABASES)


def test_every_database_is_every_test_on_both(run):
    assert len(run("--every-database")) == 2 + 80 + 1


@pytest.mark.parametrize("database", DATABASES)
def test_who_names_one_run_gets_it(run, database):
    name = f"test_that_is_the_same[{database}-7]"

    assert run(f"test_who_names_one_run_gets_it.py::{name}") == [name]


def test_a_test_draws_the_same_whichever_run_asks():
    for n in range(20):
        assert drawn(f"tests/test_x.py::test[sqlite-{n}]") == drawn(
            f"tests/test_x.py::test[postgresql-{n}]"
        )
