"""Engines that need not learn everything anew: nearly every test makes one of its own.

To turn a statement into SQL costs more than to run it on a few rows. SQLAlchemy keeps what it
compiled, in each engine for that engine's dialect; here all engines of a kind share both.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Engine

from recover.foundation import database

STATEMENTS = 5_000  # more than the whole product has

_first: dict[str, Engine] = {}


def create_engine(url: str, **options: Any) -> Engine:
    """SQLAlchemy's own, with the dialect and the compiled statements of the first of its kind."""
    kind = sqlalchemy.make_url(url).get_backend_name()
    if kind not in _first:
        engine = sqlalchemy.create_engine(url, query_cache_size=STATEMENTS, **options)
        engine.connect().close()  # then its dialect knows its database
        _first[kind] = engine
        engine.dispose()
    engine = sqlalchemy.create_engine(url, _initialize=False, **options)
    engine.dialect = _first[kind].dialect
    engine._compiled_cache = _first[kind]._compiled_cache
    return engine


def use() -> None:
    """For every engine of the product that is made from now on."""
    database.create_engine = create_engine
