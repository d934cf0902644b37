"""The record's chain: every line once, in order, and any change to it shows."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from recover.compliance import audit_log
from recover.models import AuditLogEntry, AuditLogHead

pytestmark = pytest.mark.both_databases  # hashes over what the database gives back


def write(services, *reasons, account=None, company=None):
    with services.db.begin() as session:
        for reason in reasons:
            audit_log.write(
                session,
                "plan",
                reason,
                services.now(),
                audit_log.Subject("case:1", account_id=account, company_id=company),
                actor=audit_log.RECOVER,
            )


def lines(services, chain):
    query = select(AuditLogEntry).where(AuditLogEntry.chain == chain).order_by(AuditLogEntry.seq)
    with services.db.read() as session:
        return list(session.scalars(query))


def holds(services, chain):
    before = ""
    for seq, line in enumerate(lines(services, chain), start=1):
        if line.seq != seq or line.hash != audit_log.entry_hash(before, line, seq):
            return False
        before = line.hash
    return True


def test_lines_are_chained_in_order_once_however_often_it_is_sealed(services, account):
    chain = f"account:{account.id}"
    write(services, "one", "two", account=account.id)

    assert audit_log.seal(services.db) == 2
    assert audit_log.seal(services.db) == 0
    write(services, "three", account=account.id)
    assert audit_log.seal(services.db) == 1

    assert [line.reason for line in lines(services, chain)] == ["one", "two", "three"]
    assert holds(services, chain)
    with services.db.read() as session:
        head = session.get_one(AuditLogHead, chain)
    assert (head.seq, head.hash) == (3, lines(services, chain)[-1].hash)


def test_accounts_companies_and_the_installation_have_chains_of_their_own(
    services, account, company
):
    write(services, "a", account=account.id)
    write(services, "b", company=company.id)
    write(services, "c")

    assert audit_log.seal(services.db) == 3

    for chain in (f"account:{account.id}", f"company:{company.id}", audit_log.INSTALLATION):
        assert [line.seq for line in lines(services, chain)] == [1]
        assert holds(services, chain)


def test_more_lines_than_one_batch_holds_are_sealed_in_one_go(services, account, monkeypatch):
    monkeypatch.setattr(audit_log, "ENTRIES_AT_ONCE", 3)
    write(services, *"abcdefgh", account=account.id)

    assert audit_log.seal(services.db) == 8

    assert holds(services, f"account:{account.id}")


def test_a_changed_word_no_longer_fits_its_digest(services, account):
    write(services, "paid by Visa", account=account.id)
    [line] = lines(services, f"account:{account.id}")

    assert line.digest == audit_log.digest(line.salt, "paid by Visa", {})
    assert line.digest != audit_log.digest(line.salt, "paid by visa", {})
