"""Random acts of everybody, on both databases; `walker_rules` says what must always hold.

``--walker-steps N`` walks further. What a walk finds is shrunk, and belongs into
`test_found_by_walking`. Acts whose faults are known and not mended yet are left out by name.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from walker import WalkFailed, shrunk, walk, walks
from walker_known import LEFT_OUT

LENGTH = 14  # acts of one walk

pytestmark = pytest.mark.both_databases


def test_whatever_happens_in_whatever_order_the_rules_hold(stages, pytestconfig):
    steps = pytestconfig.getoption("--walker-steps")
    left_out = () if pytestconfig.getoption("--walker-all-acts") else LEFT_OUT

    @settings(
        max_examples=1 + steps // LENGTH,  # the first is the simplest there is: next to nothing
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(lines=walks(LENGTH, left_out))
    def take(lines):
        with stages() as journey:
            walk(journey, lines)

    def breaks(rule):
        def fails(lines):
            try:
                with stages() as journey:
                    walk(journey, lines)
            except WalkFailed as failed:
                return failed.found[0].rule == rule
            return False

        return fails

    try:
        take()
    except WalkFailed as failed:
        shortest = shrunk(failed.walked, breaks(failed.found[0].rule))
        pytest.fail("\n".join([*map(str, failed.found), "", "Shrunk to:", *shortest]))
