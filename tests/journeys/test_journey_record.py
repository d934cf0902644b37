"""Whatever happens to a case stands on record once: each try and mail when it is written and when
it is settled, with whoever did it; and looking again adds nothing.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select

from recover.compliance import audit_log, audit_verification
from recover.dunning import Trigger
from recover.models import Attempt, AuditLogEntry, Message
from recover.workflow import sync

ENDINGS = {"sent": "sent", "refused": "refused", "uncertain": "uncertain", "skipped": "skip"}
ACTORS = {"schedule": "recover", "card_update": "recover", "subscriber": "subscriber"}


def lines(journey, *verbs):
    query = select(AuditLogEntry).where(AuditLogEntry.account_id == journey.account_id)
    with journey.services.db.read() as session:
        found = list(session.scalars(query.order_by(AuditLogEntry.id)))
    return [line for line in found if not verbs or line.verb in verbs]


def rows(journey, table):
    with journey.services.db.read() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def played(journey):
    """Three subscribers: a retry that works, another card on the page, and one who is lost."""
    journey.fail("insufficient_funds", "approve", email="ada@example.test")
    journey.fail("expired_card", email="bea@example.test")
    journey.fail(*["insufficient_funds"] * 30, email="cy@example.test")
    journey.settle()
    link = next(
        link
        for mail in journey.mails
        for link in mail.links
        if "/card/" in link and "bea@example.test" in str(mail.to)
    )
    journey.visit(link)
    journey.run(days=30)


def test_each_try_and_each_mail_has_its_lines_and_its_actor(journey):
    played(journey)

    tries = rows(journey, Attempt)
    ours = [row for row in tries if row.trigger != Trigger.STRIPE]
    begun = Counter(line.actor for line in lines(journey, "attempt"))
    assert begun == Counter(ACTORS[row.trigger] for row in ours)
    settled = [row for row in ours if row.outcome != "pending"]
    assert len(lines(journey, "settle", "abandon")) == len(settled) >= 3
    assert len(lines(journey, "seen")) == len(tries) - len(ours) == 3
    assert {line.actor for line in lines(journey, "settle", "seen")} == {"stripe"}

    mails = rows(journey, Message)
    assert len(lines(journey, "message")) == len(mails) >= 4
    ended = Counter(line.verb for line in lines(journey, *ENDINGS.values()))
    assert ended == Counter(ENDINGS[mail.status] for mail in mails)
    assert [line.actor for line in lines(journey, "card", "visit")] == ["subscriber"] * 2
    assert all(line.reason for line in lines(journey))


def test_looking_again_adds_no_line_and_the_chain_holds(journey):
    played(journey)
    before = len(lines(journey))

    for case in journey.cases:
        sync.sync(journey.services, journey.account, case.stripe_invoice_id)

    assert len(lines(journey)) == before
    audit_log.seal(journey.services.db)
    chain = f"account:{journey.account_id}"
    checked = audit_verification.check(journey.services.db, chain, journey.now)
    assert (checked.lines, checked.fault) == (before, None)
