"""Which tests are run for a change."""

from __future__ import annotations

import pytest
from touched import ALWAYS, MANY, ROOT, sources_of_tests, touched

SOURCES = {
    "tests/cases/test_ledger.py": "from recover.cases import (\n    evidence,\n    ledger,\n)\n",
    "tests/cases/test_evidence.py": "from recover.cases.evidence import Evidence\n",
    "tests/web/test_roles.py": "from ledger_cast import rows\n",
    "tests/chaos/test_chaos.py": "from recover.cases import ledger\n",
    "tests/webhooks/test_inbox.py": "from webhooks import inbox\n",
}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("recover/cases/ledger.py", ["tests/cases/test_ledger.py"]),
        (
            "recover/cases/evidence.py",
            ["tests/cases/test_evidence.py", "tests/cases/test_ledger.py"],
        ),
        ("webhooks/inbox.py", ["tests/webhooks/test_inbox.py"]),
        ("tests/support/ledger_cast.py", ["tests/web/test_roles.py"]),
        ("tests/web/test_roles.py", ["tests/web/test_roles.py"]),
        ("recover/cases/nobody_s.py", []),
        ("recover/migrations/versions/0060_x.py", ["tests/migrations"]),
        ("docs/words.md", []),
    ],
)
def test_a_change_runs_its_own_tests_and_those_that_import_it(path, wanted):
    assert set(touched([path], SOURCES)) == {*ALWAYS, *wanted}


def test_a_module_that_everybody_imports_runs_its_own_tests_alone():
    many = {f"tests/x/test_{n}.py": "from recover.models import cases" for n in range(MANY + 1)}
    sources = many | {"tests/models/test_cases.py": "from recover.models import cases"}

    assert set(touched(["recover/models/cases.py"], sources)) == {
        *ALWAYS,
        "tests/models/test_cases.py",
        "tests/migrations",
    }


def test_what_is_always_run_is_there():
    assert [one for one in ALWAYS if not (ROOT / one).exists()] == []
    assert "tests/test_touched.py" in sources_of_tests()
