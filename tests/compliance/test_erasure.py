"""A person is erased: nothing names them any more, and every sum and the chain are as they were."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from recover.cases import lifecycle
from recover.compliance import audit_log, audit_verification, erasure, erasure_list, retention
from recover.foundation.database import Base
from recover.foundation.errors import PermanentError
from recover.messages.subscriber import delivery, queue
from recover.models import (
    Attempt,
    AuditLogEntry,
    Company,
    ErasedAddress,
    LedgerLine,
    Link,
    Message,
    MessageStatus,
    RecoveryCase,
    Suppression,
)
from recover.reporting import figures
from recover.workflow import sync

pytestmark = pytest.mark.both_databases  # JSON, dates and text that are looked through

pytest_plugins = ("web_cast",)

NAME, EMAIL = "Zebedee Quill", "zebedee.quill@subscriber.test"
USER = "user:1"


def mailed(scene, case, status="sent", **about):
    """A mail about the case, with a link and its line, in the given state."""
    with scene.services.db.begin() as session:
        row = queue.add(
            session,
            scene.services,
            scene.account,
            queue.Draft(
                customer_id=case.stripe_customer_id,
                to_email=EMAIL,
                template="payment_failed",
                dedup_key=f"{case.id}:{status}",
                reason=f"{NAME} has to know.",
                details={"customer_name": NAME},
                case=case,
                **about,
            ),
        )
        row.status, row.subject = status, f"{NAME}, your payment failed"
    return row


@pytest.fixture
def theirs(scene):
    """A case that was won back, mailed about, on record and sealed; and an open one."""
    won = scene.failed(name=NAME, email=EMAIL)
    mailed(scene, won)
    subscription = scene.sandbox.add_subscription(
        scene.sandbox.store.get(won.stripe_customer_id), 1900, "usd", product="Pro"
    )
    scene.renewal_fails(subscription["id"], "insufficient_funds")
    with scene.services.db.begin() as session:
        session.add(
            LedgerLine(
                account_id=won.account_id,
                case_id=won.id,
                kind="recovered",
                reference="in",
                source="card_page",
                reason="Paid on a new card.",
                amount_minor=2900,
                currency="usd",
                at=scene.services.now(),
            )
        )
        row = session.get_one(RecoveryCase, won.id)
        row.state, row.closed_at = "recovered", scene.services.now()
    audit_log.seal(scene.services.db)
    return won


def everything(services) -> str:
    """All that the database holds, as text."""
    with services.db.read() as session:
        return "\n".join(
            str(tuple(row))
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
        )


def books(services, account):
    with services.db.read() as session:
        lines = [
            (one.case_id, one.kind, one.source, one.amount_minor, one.reason, one.at)
            for one in session.scalars(select(LedgerLine).order_by(LedgerLine.id))
        ]
        tries = session.execute(
            select(Attempt.id, Attempt.outcome, Attempt.amount_minor, Attempt.decline_code)
        ).all()
        return lines, tries, figures.overview(session, [account.id], None)


def chain_of(services, account):
    audit_log.seal(services.db)
    return audit_verification.check(services.db, f"account:{account.id}", services.now())


def test_nothing_names_them_and_the_books_and_the_chain_are_as_they_were(scene, theirs):
    services, account = scene.services, scene.account
    assert NAME in everything(services)
    assert EMAIL in everything(services)
    before, chain = books(services, account), chain_of(services, account)

    done = erasure.erase(services, account.company_id, EMAIL.upper(), actor=USER)

    assert done is not None
    assert (done.cases, done.messages, done.links) == (2, 1, 1)
    text = everything(services)
    assert "Quill" not in text
    assert "zebedee" not in text.lower()
    assert books(services, account) == before
    after = chain_of(services, account)
    assert after.fault is None
    assert after.erased == done.lines > 0
    assert after.lines == chain.lines + 1
    with services.db.read() as session:
        line = session.scalar(select(AuditLogEntry).where(AuditLogEntry.verb == audit_log.ERASE))
        assert (line.actor, line.stripe_customer_id, line.details["lines"]) == (
            USER,
            "",
            done.lines,
        )


def test_what_stripe_says_later_brings_no_name_back_not_even_into_a_new_case(scene, theirs):
    services, account = scene.services, scene.account
    erasure.erase(services, account.company_id, theirs.stripe_customer_id, actor=USER)

    for case in all_cases(services):
        sync.sync(services, account, case.stripe_invoice_id)
    subscription = scene.sandbox.add_subscription(
        scene.sandbox.store.get(theirs.stripe_customer_id), 900, "usd", product="Pro"
    )
    fresh = scene.renewal_fails(subscription["id"])

    assert fresh.erased_at is not None
    assert [case.customer_email + case.customer_name for case in all_cases(services)] == [""] * 3
    assert "Quill" not in everything(services)


def all_cases(services):
    with services.db.read() as session:
        return list(session.scalars(select(RecoveryCase).order_by(RecoveryCase.id)))


def test_their_open_mails_are_cancelled_their_links_die_and_no_mail_is_written(scene, theirs):
    services, account = scene.services, scene.account
    waiting = mailed(scene, theirs, "pending", step="2")
    erasure.erase(services, account.company_id, EMAIL, actor=USER)

    with services.db.begin() as session:
        assert session.get_one(Message, waiting.id).status == MessageStatus.SKIPPED
        assert all(link.revoked_at for link in session.scalars(select(Link)))
        assert [row.reason for row in session.scalars(select(Suppression))] == ["erased"]
        again = {"template": "payment_failed", "reason": "", "details": {}}
        for number, (customer, address) in enumerate(
            [(theirs.stripe_customer_id, "other@a.test"), ("cus_new", EMAIL.title())]
        ):
            assert None is queue.add(
                session,
                services,
                account,
                queue.Draft(
                    customer_id=customer,
                    to_email=address,
                    dedup_key=str(number),
                    **again,
                ),
            )
        assert queue.add(
            session,
            services,
            account,
            queue.Draft(
                customer_id="cus_new",
                to_email="other@a.test",
                dedup_key="x",
                **again,
            ),
        )


def test_a_mail_under_way_does_not_bring_the_subject_back(scene, theirs):
    sending = mailed(scene, theirs, "sending", step="2")
    erasure.erase(scene.services, scene.account.company_id, EMAIL, actor=USER)

    delivery._settle(scene.services, sending, "sent", subject=f"{NAME}, pay", error="")

    assert "Quill" not in everything(scene.services)
    with scene.services.db.read() as session:
        assert session.get_one(Message, sending.id).status == "sent"


def test_the_address_is_kept_as_a_hash_that_only_the_company_s_key_makes(scene, theirs):
    services = scene.services
    erasure.erase(services, scene.account.company_id, EMAIL, actor=USER)

    with services.db.read() as session:
        [row] = session.scalars(select(ErasedAddress))
        company = session.get_one(Company, scene.account.company_id)
        assert row.address_hash == erasure_list.address_hash(services.vault, company, EMAIL)
        key = services.vault.open(company.erasure_key_sealed)
        assert key not in everything(services)


def test_asking_twice_is_harmless_and_strangers_are_not_found(scene, theirs):
    services, company = scene.services, scene.account.company_id
    customer = theirs.stripe_customer_id
    assert erasure.erase(services, company, customer, actor=USER)
    assert not erasure.erase(services, company, customer, actor=USER)
    assert erasure.erase(services, company, "nobody@a.test", actor=USER) is None
    assert erasure.erase(services, company, EMAIL, actor=USER) is None
    assert chain_of(services, scene.account).fault is None


def test_another_company_s_customer_of_that_address_is_left_alone(scene, theirs):
    with scene.services.db.begin() as session:
        rival = Company(name="Rival", created_at=scene.services.now())
        session.add(rival)
        session.flush()
    assert erasure.erase(scene.services, rival.id, EMAIL, actor=USER) is None
    assert NAME in everything(scene.services)


def test_others_keep_all_they_have(scene, theirs):
    scene.failed(name="Other Person", email="other@subscriber.test")
    erasure.erase(scene.services, scene.account.company_id, EMAIL, actor=USER)

    text = everything(scene.services)
    assert "Other Person" in text
    assert "other@subscriber.test" in text


def test_a_copy_tells_all_there_is_and_opens_no_door(scene, theirs):
    found = erasure.export_person(scene.services, scene.account.company_id, EMAIL, actor=USER)

    text = json.dumps(found)
    [customer] = found["customers"]
    assert {one["customer_name"] for one in customer["cases"]} == {NAME}
    assert customer["messages"][0]["to_email"] == EMAIL
    assert customer["attempts"]
    assert any(one["verb"] == "export" for one in customer["record"])
    with scene.services.db.read() as session:
        for link in session.scalars(select(Link)):
            assert f'"{link.public_id}"' not in json.dumps(customer["links"])
    assert "salt" not in text
    assert (
        erasure.export_person(scene.services, scene.account.company_id, "x@y.z", actor=USER) is None
    )


# Retention


@pytest.fixture
def old(scene, theirs):
    """The same person, whose one case closed long ago; they still owe the other invoice."""
    with scene.services.db.begin() as session:
        closed_at = scene.services.now() - timedelta(days=401)
        session.get_one(RecoveryCase, theirs.id).closed_at = closed_at
    return theirs


def test_a_company_that_keeps_things_for_good_loses_nothing(scene, old):
    before = everything(scene.services)
    with scene.services.db.read() as session:
        company = session.get_one(Company, scene.account.company_id)
        assert not retention.due(session, company, scene.services.now())
        assert not retention.companies(session)
    assert not retention.run(scene.services, company.id)
    assert everything(scene.services) == before


def test_old_closed_cases_are_emptied_as_the_dry_run_said_and_open_ones_stay(scene, old):
    services, account = scene.services, scene.account
    before = books(services, account)
    retention.set_keep_days(services, account.company_id, 400, actor=USER)
    with services.db.read() as session:
        company = session.get_one(Company, account.company_id)
        said = retention.due(session, company, services.now())

    done = retention.run(services, account.company_id)

    assert done == said
    assert done.cases == 1
    closed, still_open = all_cases(services)
    assert (closed.customer_name, closed.customer_email) == ("", "")
    assert (still_open.customer_name, still_open.customer_email) == (NAME, EMAIL)
    assert books(services, account) == before
    assert not retention.run(services, account.company_id)
    checked = chain_of(services, account)
    assert (checked.fault, checked.erased) == (None, done.lines)


def test_a_case_that_was_only_old_has_its_name_again_once_it_goes_on(scene, old):
    services, account = scene.services, scene.account
    retention.set_keep_days(services, account.company_id, 400, actor=USER)
    retention.run(services, account.company_id)
    with services.db.begin() as session:
        lifecycle.reopen(session, session.get_one(RecoveryCase, old.id), services.now())

    case = sync.sync(services, account, old.stripe_invoice_id)

    assert (case.customer_name, case.erased_at) == (NAME, None)


@pytest.mark.parametrize("days", [0, 30, 399, 3651])
def test_what_the_books_need_cannot_be_thrown_away_early(scene, days):
    with pytest.raises(PermanentError, match="400 to 3650 days"):
        retention.set_keep_days(scene.services, scene.account.company_id, days, actor=USER)


def test_a_changed_time_goes_on_record_once(scene):
    for days in (500, 500, None):
        retention.set_keep_days(scene.services, scene.account.company_id, days, actor=USER)
    with scene.services.db.read() as session:
        query = select(AuditLogEntry.details).where(AuditLogEntry.about == "setting:keep_days")
        told = list(session.scalars(query.order_by(AuditLogEntry.id)))
    assert told == [{"before": None, "after": 500}, {"before": 500, "after": None}]
