"""A secret that is stored comes out nowhere: no log, page, record, export, error or repr."""

from __future__ import annotations

import json
import logging
import traceback

from sqlalchemy import select
from webhook_cast import body_of, event

from app import create_app
from recover.accounts import connections
from recover.compliance import audit_export, audit_log, erasure
from recover.foundation.errors import RecoverError
from recover.foundation.signed_links import Purpose
from recover.models import Account, Company, RecoveryCase
from recover.people import users

WEBHOOK = "whsec_RECOGNISABLE0123456789"


def test_no_secret_leaves_by_any_door(begin, caplog):
    caplog.set_level(logging.DEBUG)
    journey = begin()
    services = journey.services
    with services.db.begin() as session:
        row = session.get_one(Account, journey.account_id)
        hook = services.vault.open(row.webhook_secrets_sealed)
        row.webhook_secrets_sealed = services.vault.seal(f"{hook},{WEBHOOK}")
    secrets = [
        journey.sandbox.account_key,
        journey.sandbox.platform_key,
        hook,
        WEBHOOK,
        *services.settings.encryption_keys,
        *services.settings.secret_keys,
        journey.account.secret_key_sealed,
        journey.account.webhook_secrets_sealed,
    ]
    said: list[str] = []

    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=4)
    said += _trouble(journey)
    audit_log.seal(services.db)
    chains = [f"account:{journey.account_id}", f"company:{journey.account.company_id}"]
    for form in audit_export.FORMATS:
        said += audit_export.export(services.db, [*chains, audit_log.INSTALLATION], form)
    case = journey.case(invoice)
    copied = erasure.export_person(
        services, journey.account.company_id, case.stripe_customer_id, actor="user:1"
    )
    said.append(json.dumps(copied))
    said += _pages(journey, case)
    said += [repr(services), repr(services.settings), repr(journey.account), repr(services.vault)]
    said += [repr(services.gateway), repr(services.db.engine), str(services.settings)]
    said += [record_.getMessage() for record_ in caplog.records]
    said.append(caplog.text)

    text = "\n".join(said)
    assert len(text) > 20_000  # or nothing was looked at
    assert {"stripe", "werkzeug", "recover", "urllib3"} & {
        record_.name.partition(".")[0] for record_ in caplog.records
    }
    assert [secret for secret in secrets if secret and secret in text] == []


def _trouble(journey) -> list[str]:
    """What is said when keys are refused, cannot be opened, or a webhook is not signed."""
    services, said = journey.services, []
    broken = {"secret_key_sealed": "gAAAAAB-not-sealed-by-us", "connection": "key"}
    with services.db.read() as session:
        account = session.get_one(Account, journey.account_id)
        session.expunge(account)
    for name, value in broken.items():
        setattr(account, name, value)
    acts = (
        lambda: services.stripe(account),
        lambda: connections.connect(
            services, "Other", connections.Keys(secret=journey.sandbox.account_key + "x")
        ),
    )
    for act in acts:
        try:
            act()
        except RecoverError as error:
            said.append("".join(traceback.format_exception(error)))
        else:
            raise AssertionError("this was meant to fail")
    client = _client(journey)
    path = f"/webhooks/stripe/{journey.account.hook_token}"
    answer = client.post(path, data=body_of(event()), headers={"Stripe-Signature": "t=1,v1=00"})
    assert answer.status_code == 400
    return [*said, answer.text]


def _client(journey):
    return create_app(journey.services).test_client()


def _pages(journey, case: RecoveryCase) -> list[str]:
    """Every page an owner may open."""
    services, client = journey.services, _client(journey)
    with services.db.read() as session:
        company = session.scalars(select(Company)).one()
    user = users.add_user(services, company, "ada@fernhill.test")
    wanted = users.request_link(services, user.email, "a-test")
    token = services.links.sign(Purpose.SIGN_IN, {"nonce": wanted.nonce}, services.now())
    form = client.get(f"/sign-in/{token}").text
    csrf = form.partition('name="csrf_token" value="')[2].partition('"')[0]
    client.post(f"/sign-in/{token}", data={"csrf_token": csrf})
    pages = []
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint.startswith("web.") and "GET" in rule.methods:
            if rule.arguments - {"case_id"}:
                continue
            path = rule.rule.replace("<int:case_id>", str(case.id))
            pages.append(client.get(path).text)
    assert any("Audit log" in page for page in pages)
    return pages
