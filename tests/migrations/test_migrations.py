"""The migrations lead an empty database to exactly the tables that the models describe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import new_migration
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.orm import Session

from recover import migrations
from recover.compliance import audit_log
from recover.foundation import upgrade
from recover.foundation.database import Base, Database, make_engine
from recover.models import AuditLogEntry

SOME_TIME = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server_url = request.getfixturevalue("postgres_url")
    name = f"empty_{token_hex(6)}"
    _on_server(server_url, f"CREATE DATABASE {name}")
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    _on_server(server_url, f"DROP DATABASE {name}")


def _on_server(url: str, statement: str) -> None:
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()


def differences(url: str) -> list:
    engine = make_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
    engine.dispose()
    return found


def tables(url: str) -> dict[str, list[str]]:
    """Every table's columns, indexes and unique constraints, by name."""
    engine = make_engine(url)
    inspector = inspect(engine)
    found = {
        table: [
            *(column["name"] for column in inspector.get_columns(table)),
            *sorted(str(index["name"]) for index in inspector.get_indexes(table)),
            *sorted(str(unique["name"]) for unique in inspector.get_unique_constraints(table)),
        ]
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }
    engine.dispose()
    return found


def test_an_upgrade_of_an_empty_database_leaves_nothing_to_migrate(empty_url):
    assert differences(empty_url)  # or this test could not fail

    upgrade.upgrade(empty_url)

    assert differences(empty_url) == []


def test_the_migrated_tables_are_those_the_tests_run_on(empty_url, tmp_path):
    made = f"sqlite:///{tmp_path / 'made.db'}"
    engine = make_engine(made)
    Base.metadata.create_all(engine)
    engine.dispose()

    upgrade.upgrade(empty_url)

    migrated = tables(empty_url)
    assert migrated.keys() == tables(made).keys()
    assert {table: set(names) for table, names in migrated.items()} == {
        table: set(names) for table, names in tables(made).items()
    }


def test_an_upgrade_can_be_repeated(empty_url):
    for _ in range(2):
        upgrade.upgrade(empty_url)

    assert differences(empty_url) == []


def test_an_upgrade_keeps_what_the_tables_hold(empty_url):
    upgrade.upgrade(empty_url)
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        table = Base.metadata.tables["companies"]
        connection.execute(table.insert().values(name="Acme", created_at=SOME_TIME))
    upgrade.upgrade(empty_url)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT name FROM companies")) == "Acme"
    engine.dispose()


def test_there_is_one_line_of_migrations():
    config = upgrade.alembic_config("postgresql://nowhere/recover")

    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_a_downgrade_takes_everything_back(empty_url):
    upgrade.upgrade(empty_url)

    command.downgrade(upgrade.alembic_config(empty_url), "base")

    assert tables(empty_url) == {}


def test_the_timelines_lines_go_on_in_the_record_and_can_be_sealed(empty_url):
    command.upgrade(upgrade.alembic_config(empty_url), "0002")
    engine = make_engine(empty_url)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table, values in _an_old_case(metadata).items():
            connection.execute(metadata.tables[table].insert().values(**values))

    upgrade.upgrade(empty_url)

    audit_log.seal(Database(engine))
    with Session(engine) as session:
        [line] = session.scalars(select(AuditLogEntry)).all()
        assert (line.verb, line.reason, line.about) == ("open", "It failed.", "case:1")
        assert (line.seq, line.chain, line.stripe_customer_id) == (1, "account:1", "cus_1")
        assert line.digest == audit_log.digest(line.salt, line.reason, line.details)
        assert line.at == SOME_TIME
    engine.dispose()


def test_lines_sealed_over_fewer_columns_are_sealed_anew(empty_url):
    command.upgrade(upgrade.alembic_config(empty_url), "0003")
    engine = make_engine(empty_url)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        sealed = {"id": 1, "chain": "installation", "seq": 1, "hash": "0" * 64, "salt": "s"}
        for table, values in (
            ("record", sealed | {"digest": audit_log.digest("s", "", {}), "details": "{}"}),
            ("record_heads", {"chain": "installation", "seq": 1, "hash": "0" * 64}),
        ):
            row = {c.name: values.get(c.name, _some(c)) for c in metadata.tables[table].columns}
            row |= {} if table == "record_heads" else dict.fromkeys(OWNERS)
            connection.execute(metadata.tables[table].insert().values(**row))

    upgrade.upgrade(empty_url)

    assert audit_log.seal(Database(engine)) == 1
    with Session(engine) as session:
        [line] = session.scalars(select(AuditLogEntry)).all()
        assert (line.seq, line.hash) == (1, audit_log.entry_hash("", line, 1))
    engine.dispose()


def test_an_upgrade_from_the_first_tables_keeps_a_case_and_all_it_hangs_on(empty_url):
    command.upgrade(upgrade.alembic_config(empty_url), "0001")
    engine = make_engine(empty_url)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table, values in _an_old_case(metadata).items():
            connection.execute(metadata.tables[table].insert().values(**values))

    upgrade.upgrade(empty_url)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM cases")) == 1
        assert connection.scalar(text("SELECT end_of_dunning FROM accounts")) == "leave"
    engine.dispose()


OWNERS = ("account_id", "company_id", "case_id")


def _an_old_case(metadata: MetaData) -> dict[str, dict[str, object]]:
    """One row for each table on the way to a timeline's line, as they were before the record."""
    named = {
        "companies": {"id": 1, "name": "Acme"},
        "accounts": {"id": 1, "company_id": 1, "hook_token": "hook"},
        "cases": {"id": 1, "account_id": 1, "stripe_customer_id": "cus_1"},
        "timeline": {
            "id": 1,
            "account_id": 1,
            "case_id": 1,
            "verb": "open",
            "reason": "It failed.",
        },
    }
    return {
        table: {
            column.name: values.get(column.name, _some(column))
            for column in metadata.tables[table].columns
            if not column.nullable or column.name in values
        }
        for table, values in named.items()
    }


def _some(column: Column) -> object:
    kinds = {DateTime: SOME_TIME, String: "x", Boolean: False, Integer: 1, Float: 0.5, JSON: []}
    return next(value for kind, value in kinds.items() if isinstance(column.type, kind))


def test_the_next_migration_is_written_against_a_fresh_database_of_its_own(tmp_path, monkeypatch):
    """Nobody's settings are needed, and what is new is added without copying the table."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    scripts = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, scripts)
    written = sorted((scripts / "versions").glob("0*.py"))
    makes_tables = ["create_table(" in path.read_text(encoding="utf-8") for path in written]
    first_missing = len(written) - 1 - makes_tables[::-1].index(True)
    for path in written[first_missing:]:
        path.unlink()  # so that something is missing

    made = new_migration.write("What was taken away", scripts)

    text = made.read_text(encoding="utf-8")
    before = int(written[first_missing - 1].name[:4])
    number = int(made.name[:4])
    assert number % new_migration.STEP == 0
    assert before < number <= before + new_migration.STEP
    assert "op.add_column(" in text
    assert "op.create_table(" in text
    assert "batch_alter_table" not in text
