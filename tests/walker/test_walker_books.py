"""The walker's judges know the product only from outside."""

from __future__ import annotations

import subprocess
import sys

import pytest
from repository import ROOT
from walker import shrunk
from walker_acts import ACTS
from walker_books import minor

JUDGES = ("walker_books", "walker_rules", "walker_words")
PRODUCT = ("recover", "webhooks", "emails", "app")


@pytest.mark.parametrize("judge", JUDGES)
def test_a_judge_imports_nothing_of_the_product_not_even_by_others(judge):
    script = (
        f"import sys, {judge}; "
        f"print([name for name in sys.modules if name.split('.')[0] in {PRODUCT}])"
    )
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"}

    found = subprocess.run(
        [sys.executable, "-c", script],
        env=path,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "[]"


def test_amounts_are_read_as_the_page_writes_them():
    assert [minor(text) for text in ("$29.00", "$1,250.50", "")] == [2900, 125050, 0]


def test_a_walk_is_shrunk_to_what_it_needs():
    lines = ["days 3", "renewal_fails 2 1 lost_card 8", "scanners", "replaces 1 asks", "days 8"]

    def fails(walked):
        names = [line.split()[0] for line in walked]
        return "renewal_fails" in names and "replaces 1 asks" in walked

    assert shrunk(lines, fails) == ["renewal_fails 0 0 insufficient_funds 0", "replaces 1 asks"]


def test_every_act_says_which_words_it_takes():
    assert len(ACTS) >= 30
    assert all(choices for words in ACTS.values() for choices in words)
