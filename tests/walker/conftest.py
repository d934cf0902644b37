"""A walker's stages: as many as a test walks, each on an empty database."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from walker_stage import WalkJourney, walk_stage

from recover.foundation.database import Base

Stages = Callable[..., AbstractContextManager[WalkJourney]]


@pytest.fixture
def stages(
    request: pytest.FixtureRequest, database_url: str, redis_url: str, tmp_path: Path
) -> Stages:
    """``with stages() as journey`` begins a world; what `Sandbox` takes goes to it."""
    numbers = itertools.count()

    @contextmanager
    def begin(**world) -> Iterator[WalkJourney]:
        url = _emptied(request, database_url, tmp_path / f"{next(numbers)}.db")
        with walk_stage(url, redis_url, tmp_path, **world) as journey:
            yield journey

    return begin


def _emptied(request: pytest.FixtureRequest, url: str, path: Path) -> str:
    if url.startswith("sqlite"):
        return f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), path)}"
    with request.getfixturevalue("postgres_engine").begin() as connection:
        deletes = " ".join(f"{table.delete()};" for table in reversed(Base.metadata.sorted_tables))
        connection.execute(text(f"DO $$ BEGIN {deletes} END $$"))
    return url
