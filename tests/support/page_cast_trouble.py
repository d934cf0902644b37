"""A company in which everything is broken, and one in which forms are sent."""

from __future__ import annotations

from page_town import Town

from recover.accounts.settings import changes
from recover.compliance import audit_log
from recover.integrations import webhook_endpoints, webhook_events
from recover.models import (
    AuditLogHead,
    Invitation,
    Message,
    ReconciliationReport,
    RetryModel,
    StripeEvent,
    WebhookEndpoint,
)
from sandbox.sandbox import CAREFUL


def broken(town: Town) -> None:
    """Whatever can be in trouble at once."""
    company = town.company("Broken Sound", "bruno")
    account = town.connect("revoked", "bruno", title="Broken Sound")
    town.rows["broken case"] = town.failed("revoked", synced=False, name="Ed Broken")
    key = town.services.vault.open(account.secret_key_sealed)
    town.sandbox.revoke_key(key)
    town.change(account, problem="Expired API Key provided: sk_test_********************Xy7Q.")
    at = {"created_at": town.ago(hours=9), "due_at": town.now}
    town.add(
        *(
            StripeEvent(
                account_id=account.id,
                stripe_event_id=f"evt_{n}",
                type="invoice.paid",
                object_id="in_1",
                received_at=town.ago(hours=9),
                status="parked",
                error="boom",
                failures=5,
                **at,
            )
            for n in range(3)
        ),
        Message(
            account_id=account.id,
            dedup_key="x",
            template="payment_failed",
            details={},
            status="uncertain",
            **at,
        ),
        ReconciliationReport(
            account_id=account.id,
            started_at=town.now,
            finished_at=town.now,
            seen=3,
            error="Stripe refused the list of invoices.",
        ),
        WebhookEndpoint(
            account_id=account.id,
            url="https://broken.test/",
            events=[],
            trouble="Nothing was accepted for five days.",
            enabled=False,
            created_at=town.ago(days=9),
        ),
    )
    model = town.add(
        RetryModel(
            account_id=account.id,
            version="deadbeefdeadbeef",
            body="{",
            accepted=True,
            reason="Learned from 90 attempts.",
            made_at=town.ago(days=2),
            figures={"used": 90},
        )
    )
    town.change(account, model_id=model.id, model_pinned=True)
    town.rows["damaged"] = model
    audit_log.seal(town.services.db)
    with town.services.db.begin() as session:
        for chain in (f"account:{account.id}", f"company:{company.id}"):
            head = session.get(AuditLogHead, chain) or AuditLogHead(chain=chain, seq=4, hash="x")
            head.fault = "Line 3 was changed: its digest is not what the chain says."
            session.add(head)
    town.connect(
        "deaf", "bruno", title="Broken Sound, second", known=False, webhook_secrets_sealed=""
    )
    gone = {"disconnected_at": town.ago(days=1), "leaving_at": town.ago(days=1)}
    town.connect("gone", "bruno", title="Broken Sound, third", known=False, **gone)


def workshop(town: Town) -> None:
    """What a form makes is made here, where no other page shows it."""
    company = town.company("Workbench", "wanda")
    town.join("will", company.id, "member")
    account = town.connect("bench", "wanda", title="Workbench", known=False)
    town.rows["bench case"] = town.failed("bench", name="Wes Work")
    town.rows["bench hook"], _ = webhook_endpoints.create(
        town.services, account, "https://bench.test/", list(webhook_events.EVENTS), actor="user:1"
    )
    mode = {"mode": "observe"}  # to undo it is grave
    [town.rows["bench change"]] = changes.change(
        town.services, account.id, mode, actor=town.actor("wanda")
    )
    with town.at("bench") as sandbox:
        careful = dict(CAREFUL)
        town.rows |= {
            "weak key": sandbox.new_key(permissions={"invoices": "read"}),
            "strong key": sandbox.new_key(permissions=careful | {"payouts": "write"}),
            "full key": sandbox.new_key(kind="sk"),
        }
    guest = {"mailed_nonce": "mailed-w", "shown_nonce": "shown-w", "created_at": town.now}
    town.rows["bench guest"] = town.add(
        Invitation(
            company_id=company.id,
            email="guest@bench.test",
            role="member",
            invited_by=town.people["wanda"].id,
            mails=1,
            mailed_at=town.now,
            **guest,
        )
    )
    owner = town.people["wanda"]
    town.sessions["handed"] = town.begin_session(owner, narrow=True, way="handed")
