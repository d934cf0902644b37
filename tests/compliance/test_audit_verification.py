"""Whatever is changed in the audit log behind our back is found, and its place is named."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from recover.compliance import audit_log, audit_rows, audit_verification
from recover.models import AuditLogEntry, AuditLogHead, RecoveryCase

pytestmark = pytest.mark.both_databases  # hashes over what the database gives back

LINES = 240
TABLE = AuditLogEntry.__table__


@pytest.fixture
def written(services, account, company):
    """A sealed chain of every kind of line, and a second one beside it."""
    now = services.now()
    with services.db.begin() as session:
        case = RecoveryCase(
            account_id=account.id,
            state="open",
            currency="usd",
            amount_minor=2900,
            amount_remaining_minor=2900,
            campaign_version=1,
            failed_at=now,
            opened_at=now,
        )
        session.add(case)
        session.flush()
        for number in range(LINES):
            audit_log.write(
                session,
                ("plan", "attempt", "settle", "message")[number % 4],
                f"Ünusual words, number {number}.",
                services.now() + timedelta(seconds=number),
                audit_log.Subject(
                    f"case:{number % 7}",
                    account_id=account.id,
                    company_id=company.id,
                    case_id=case.id,
                    customer_id=f"cus_{number % 7}",
                ),
                actor=("recover", "stripe", "user:1")[number % 3],
                details={"before": number, "after": "a “b” c"} if number % 2 else None,
            )
        audit_log.write(
            session,
            "sign_in",
            "By link.",
            services.now(),
            audit_log.Subject("user:1", company_id=company.id),
            actor="user:1",
        )
    audit_log.seal(services.db)
    return services


@pytest.fixture
def chain(account):
    return f"account:{account.id}"


def faults(services, **asked):
    chains = audit_verification.chains(services.db)
    found = [audit_verification.check(services.db, one, services.now(), **asked) for one in chains]
    return [one.fault for one in found if one.fault]


@contextlib.contextmanager
def behind_our_back(services):
    """A connection that obeys no foreign key; whatever it did is undone afterwards."""
    with services.db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        off = "PRAGMA foreign_keys=OFF" if sqlite else "SET session_replication_role = replica"
        connection.exec_driver_sql(off)
        connection.commit()
        yield connection
        connection.rollback()
        on = "PRAGMA foreign_keys=ON" if sqlite else "SET session_replication_role = origin"
        connection.exec_driver_sql(on)
        connection.commit()


def stored(connection, entry_id, column):
    """The value as it lies in the table: text, a whole number, a time, or nothing."""
    name = f"CAST({column.name} AS TEXT)" if column.name == "details" else column.name
    return connection.scalar(text(f"SELECT {name} FROM record WHERE id = :id"), {"id": entry_id})


def flipped(value, position, bit):
    """The value with one bit of one byte changed."""
    if isinstance(value, int):
        return value ^ (1 << bit)
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1 << bit)
    raw = bytearray(value.encode())
    place = position % len(raw)
    raw[place] ^= 1 << bit
    return bytes(raw)


def put(connection, entry_id, column, value):
    if isinstance(value, bytes):
        if connection.dialect.name == "sqlite":
            placed = "CAST(:value AS TEXT)"
        else:
            placed = "CAST(:value AS JSON)" if column.name == "details" else ":value"
            value = value.decode()  # it takes no other text
    else:
        placed = ":value"
    connection.execute(
        text(f"UPDATE record SET {column.name} = {placed} WHERE id = :id"),
        {"value": value, "id": entry_id},
    )
    connection.commit()


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    number=st.integers(1, LINES),
    column=st.sampled_from(list(TABLE.columns)),
    position=st.integers(0, 200),
    bit=st.integers(0, 7),
)
def test_one_flipped_bit_in_any_column_of_any_line_is_found_and_named(
    written, chain, number, column, position, bit
):
    with written.db.read() as session:
        at_its_place = AuditLogEntry.chain == chain, AuditLogEntry.seq == number
        entry_id = session.scalar(select(AuditLogEntry.id).where(*at_its_place))
    with behind_our_back(written) as connection:
        was = stored(connection, entry_id, column)
        assume(was not in (None, ""))  # there is no byte to flip
        try:
            put(connection, entry_id, column, flipped(was, position, bit))
        except (DBAPIError, UnicodeDecodeError, ValueError):
            connection.rollback()
            assume(False)  # the database itself would not have it
        moved = flipped(was, position, bit) if column.name == "id" else entry_id
        try:
            found = faults(written)
        finally:
            put(connection, moved, column, was if isinstance(was, int | datetime) else was.encode())

    assert (chain, number) in [(fault.chain, fault.seq) for fault in found], found
    assert faults(written) == []


def test_a_chain_whose_name_is_no_text_any_more_is_a_fault_and_no_crash(written, chain):
    """SQLite stores any bytes; PostgreSQL takes text alone."""
    query = select(AuditLogEntry.id).where(AuditLogEntry.chain == chain, AuditLogEntry.seq == 9)
    with behind_our_back(written) as connection:
        moving = (connection, connection.scalar(query), TABLE.columns["chain"], b"\xe1ccount:1")
        if connection.dialect.name != "sqlite":
            with pytest.raises(UnicodeDecodeError):
                put(*moving)
            return
        put(*moving)

    [moved] = [one for one in audit_verification.chains(written.db) if one.endswith("ccount:1")][1:]
    found = audit_verification.check(written.db, moved, written.now())
    assert "its name is no text" in str(found.fault)
    assert found.chain == "\\udce1ccount:1"
    assert audit_verification.sealed_count(written.db, moved) == 0
    audit_verification.store_result(written.db, found, written.now())
    assert (chain, 9) in [(one.chain, one.seq) for one in faults(written)]


def test_every_column_there_is_was_among_those():
    """A column that is added one day is covered by the chain too, or this test says so."""
    covered = set(audit_rows.RawEntry._fields)
    assert covered == {column.name for column in TABLE.columns}


def test_what_is_whole_holds_and_says_how_far_it_goes(written, chain):
    checked = audit_verification.check(written.db, chain, written.now())

    assert (checked.lines, checked.erased, checked.waiting, checked.fault) == (LINES, 0, 0, None)
    with written.db.read() as session:
        assert checked.hash == session.get_one(AuditLogHead, chain).hash


@pytest.mark.parametrize("number", [1, 100, LINES])
def test_a_deleted_line_is_missed_wherever_it_was(written, chain, number):
    with written.db.begin() as session:
        session.execute(delete(AuditLogEntry).where(AuditLogEntry.seq == number))

    assert (chain, number) in [(one.chain, one.seq) for one in faults(written)]


def test_a_deleted_end_is_missed_although_all_that_is_left_fits(written, chain):
    with written.db.begin() as session:
        session.execute(delete(AuditLogEntry).where(AuditLogEntry.seq > 200))

    [fault] = faults(written)
    assert (fault.chain, fault.seq) == (chain, 201)
    assert f"went up to line {LINES}" in fault.what


def test_two_lines_that_changed_places_are_found(written, chain):
    with written.db.begin() as session:
        for old, new in ((5, 1000), (6, 5), (1000, 6)):
            found = AuditLogEntry.chain == chain, AuditLogEntry.seq == old
            session.execute(update(AuditLogEntry).where(*found).values(seq=new))

    [fault] = faults(written)
    assert fault.seq == 5


def rebuild(services, chain, number):
    """As somebody with the database's password would: another word, and every hash after it."""
    with services.db.begin() as session:
        query = select(AuditLogEntry).where(
            AuditLogEntry.chain == chain, AuditLogEntry.seq >= number
        )
        before = session.scalar(
            select(AuditLogEntry.hash).where(
                AuditLogEntry.chain == chain, AuditLogEntry.seq == number - 1
            )
        )
        for line in session.scalars(query.order_by(AuditLogEntry.seq)):
            if line.seq == number:
                line.reason = "Something else."
                line.digest = audit_log.digest(line.salt, line.reason, line.details or {})
            line.hash = before = audit_log.entry_hash(before, line, line.seq)
        session.get_one(AuditLogHead, chain).hash = before


def test_a_rebuilt_end_is_found_by_a_hash_that_was_kept_elsewhere(written, chain):
    kept = audit_verification.check(written.db, chain, written.now()).hash
    rebuild(written, chain, 150)

    assert faults(written) == []  # nobody could tell from the database alone
    checked = audit_verification.check(written.db, chain, written.now(), expected={LINES: kept})
    assert checked.fault is not None
    assert checked.fault.seq == LINES
    assert "kept elsewhere" in checked.fault.what


def test_a_kept_hash_of_a_line_that_is_gone_is_missed(written, chain):
    checked = audit_verification.check(written.db, chain, written.now(), expected={LINES + 5: "00"})
    assert checked.fault is not None
    assert checked.fault.seq == LINES + 5


def test_a_chain_that_went_on_still_fits_the_hash_kept_earlier(written, account, chain):
    kept = audit_verification.check(written.db, chain, written.now()).hash
    with written.db.begin() as session:
        audit_log.write(
            session,
            "plan",
            "More.",
            written.now(),
            audit_log.Subject("case:1", account_id=account.id),
            actor="recover",
        )
    audit_log.seal(written.db)

    checked = audit_verification.check(written.db, chain, written.now(), expected={LINES: kept})
    assert (checked.lines, checked.fault) == (LINES + 1, None)


def test_a_head_that_lost_its_row_or_its_hash_is_found(written, chain):
    with written.db.begin() as session:
        session.get_one(AuditLogHead, chain).hash = "0" * 64
    assert "another hash" in faults(written)[0].what

    with written.db.begin() as session:
        session.execute(delete(AuditLogHead).where(AuditLogHead.chain == chain))
    assert "head says line 0" in faults(written)[0].what


def test_a_lost_head_of_one_chain_keeps_no_other_from_being_sealed(written, account, company):
    with written.db.begin() as session:
        session.execute(delete(AuditLogHead).where(AuditLogHead.chain == f"account:{account.id}"))
        for owner in ({"account_id": account.id}, {"company_id": company.id}):
            audit_log.write(
                session, "x", "y", written.now(), audit_log.Subject("z", **owner), actor="recover"
            )

    assert audit_log.seal(written.db) == 1


def empty(services, chain, numbers, *, say=None):
    """The words of lines, gone as an erasure takes them; ``say`` is what it owns to."""
    with services.db.begin() as session:
        found = AuditLogEntry.chain == chain, AuditLogEntry.seq.in_(numbers)
        gone = {"reason": "", "details": None, "salt": ""}
        session.execute(update(AuditLogEntry).where(*found).values(**gone))
        if say is not None:
            audit_log.write(
                session,
                audit_log.ERASE,
                "A person was erased.",
                services.now(),
                audit_log.Subject("person", account_id=int(chain.split(":")[1])),
                actor="user:1",
                details={"lines": say},
            )


def test_words_that_an_erasure_owns_to_are_no_fault_before_and_after_it_is_sealed(written, chain):
    empty(written, chain, [3, 4, 9], say=3)
    assert faults(written) == []

    audit_log.seal(written.db)
    assert faults(written) == []
    assert audit_verification.check(written.db, chain, written.now()).erased == 3


@pytest.mark.parametrize("say", [None, 2])
def test_words_that_no_erasure_owns_to_are_found(written, chain, say):
    empty(written, chain, [3, 4, 9], say=say)

    [fault] = faults(written)
    assert fault.what.startswith("3 lines have lost their words")


def test_words_erased_in_part_are_found(written, chain):
    for part in ({"salt": ""}, {"reason": "", "salt": ""}, {"details": None}):
        with written.db.begin() as session:
            line = session.scalar(
                select(AuditLogEntry).where(AuditLogEntry.chain == chain, AuditLogEntry.seq == 42)
            )
            was = {name: getattr(line, name) for name in part}
            for name, value in part.items():
                setattr(line, name, value)
        [fault] = faults(written)
        assert (fault.seq, fault.what) == (42, "its words are erased only in part")
        with written.db.begin() as session:
            for name, value in was.items():
                setattr(session.get_one(AuditLogEntry, line.id), name, value)


def test_lines_nobody_seals_are_named_once_they_are_late(written, account, chain, clock):
    with written.db.begin() as session:
        audit_log.write(
            session,
            "plan",
            "More.",
            written.now(),
            audit_log.Subject("case:1", account_id=account.id),
            actor="recover",
        )
    assert faults(written) == []

    clock.advance(minutes=11)
    [fault] = faults(written)
    assert "is the clock running?" in fault.what
    audit_log.seal(written.db)
    assert faults(written) == []


def check_and_keep(services, chain):
    found = audit_verification.check(services.db, chain, services.now())
    audit_verification.store_result(services.db, found, services.now())


def test_what_a_check_found_is_remembered_for_the_page(written, chain):
    check_and_keep(written, chain)
    with written.db.begin() as session:
        head = session.get_one(AuditLogHead, chain)
        assert (head.verified_seq, head.verified_at, head.fault) == (LINES, written.now(), "")
        session.execute(delete(AuditLogEntry).where(AuditLogEntry.seq == 17))

    check_and_keep(written, chain)
    with written.db.read() as session:
        head = session.get_one(AuditLogHead, chain)
        assert head.verified_seq == 16
        assert f"{chain}, line 17" in head.fault


@pytest.mark.parametrize(
    ("column", "value"),
    [("seq", LINES - 1), ("seq", LINES + 1), ("hash", "f" * 64), ("chain", "x")],
)
def test_a_changed_head_is_found(written, chain, column, value):
    with written.db.begin() as session:
        found = AuditLogHead.chain == chain
        session.execute(update(AuditLogHead).where(found).values(**{column: value}))

    assert chain in [one.chain for one in faults(written)]
