"""The journeys' stage; see `journey_stage`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from journey import Journey
from journey_stage import set_up

Begin = Callable[..., Journey]


@pytest.fixture
def journey(begin: Begin) -> Journey:
    return begin()


@pytest.fixture
def begin(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Begin]:
    """Start a journey, as `set_up` does."""
    with ExitStack() as stack:
        yield partial(set_up, stack, database_url, redis_url, tmp_path)
