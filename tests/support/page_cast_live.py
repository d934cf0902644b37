"""A company that is live and has much of everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import page_cast_cases
from learning_cast import add_cases
from page_town import LOGO, SAID, Town
from sqlalchemy import update

from recover.accounts.settings import changes
from recover.compliance import audit_log
from recover.integrations import api_tokens, webhook_endpoints, webhook_events
from recover.learning import training
from recover.models import (
    Attempt,
    Delivery,
    DeliveryAttempt,
    Invitation,
    RetryModel,
    User,
    WebhookEndpoint,
)

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"


def live(town: Town) -> None:
    acme = town.company("Acme Software", "ada")
    brand = {
        "logo_url": LOGO,
        "color": "#7c2d12",
        "sender_name": "Acme Billing",
        "website_url": "https://acme.test",
        "reply_to": "billing@acme.test",
        "postal_address": "Acme Software, 12 Long Harbour Street, Galway H91 2X4, Ireland",
    }
    account = town.connect("acme", "ada", title="Acme Software", livemode=True, **brand)
    europe = {"timing": "fixed", "livemode": True, "mode": "stripe"}
    town.connect("europe", "ada", title="Acme Europe, Donau and Alpine regions", **europe)
    town.connect("acme test", "ada", title="Acme Software", test_mail="team")
    _people(town, acme.id)
    _nights(town, account)
    page_cast_cases.cases(town, account)
    _settings(town, account)
    _tokens(town, acme.id, account)
    _hooks(town, account)


def _people(town: Town, company_id: int) -> None:
    town.join("mia", company_id, "member")
    town.join("vera", company_id, "viewer")
    for name in ("christopher.featherstonehaugh-cholmondeley.the-third", "bo", "kim"):
        town.join(name, company_id, "owner" if name == "kim" else "member")
    other = town.company("Acme Labs and Research International Holding", "labs")
    town.add(
        User(
            company_id=other.id, email=town.people["ada"].email, role="viewer", created_at=town.now
        )
    )
    for device in (PHONE, "curl/8"):
        town.begin_session(town.people["ada"], device=device, way="passkey", seen_hash="x")
    mailed = {"mails": 1, "mailed_at": town.ago(hours=3)}
    trouble = "the mail server refused the address: 550 5.1.1 User unknown in virtual mailbox table"
    for number, (name, about) in enumerate(
        {
            "new.colleague": mailed,
            "typo": mailed | {"mail_trouble": trouble},
            "forgotten": mailed | {"mailed_at": town.ago(days=12), "mails": 3},
            "waiting": {},
        }.items()
    ):
        invited = {"mailed_nonce": f"mailed-{number}", "shown_nonce": f"shown-{number}"}
        town.rows[name] = town.add(
            Invitation(
                company_id=company_id,
                email=f"{name}@acme.test",
                role="member",
                invited_by=town.people["ada"].id,
                created_at=town.ago(days=12),
                **invited,
                **about,
            )
        )
    town.rows["key"] = town.passkey(
        "ada", "Work laptop, the one in the office", backed_up=True, used_at=town.ago(days=2)
    )
    town.passkey("ada", "Old phone", suspect_at=town.ago(days=1))


def _nights(town: Town, account: Any) -> None:
    """Cases that are over, what was learned from them, and how honest its chances were."""
    for count in (150, 180):
        add_cases(town.services, account, count)
        town.rows["former"] = town.rows.get("version")
        with town.services.db.read() as session:
            known = session.get_one(type(account), account.id)
        town.rows["version"] = training.learn(town.services, known)
    body = town.rows["version"].body
    reason = "Refused: 1,204 tries say that every retry succeeds; something is wrong with them."
    rows = [
        RetryModel(
            account_id=account.id,
            version=f"{number:016x}",
            body=body,
            accepted=True,
            reason=f"Learned from {90 + number} attempts.",
            figures={"used": 90 + number},
            made_at=town.ago(days=20 - number),
        )
        for number in range(10)
    ]
    refused = {"used": 1204, "held_out": 240, "loss_before": 0.5, "loss_after": 0.9}
    town.rows["refused"] = town.add(
        RetryModel(
            account_id=account.id,
            version="",
            body="",
            accepted=False,
            reason=reason,
            figures=refused,
            made_at=town.ago(days=9),
        ),
        *rows,
    )
    for rest, chance in enumerate((0.03, 0.08, 0.15, 0.31)):
        said = SAID | {"chance": chance, "propensity": 0.95 - 0.6 * (rest == 1)}
        scheduled = (Attempt.trigger == "schedule") & (Attempt.case_id % 5 == rest)
        with town.services.db.begin() as session:
            session.execute(update(Attempt).where(scheduled).values(proposal=said))


def _settings(town: Town, account: Any) -> None:
    """Changed by everybody who can change them; the last change is `setting`."""
    actors = [town.actor("ada"), town.actor("mia"), audit_log.COMMAND, "user:999", "token:1"]
    for number, actor in enumerate(actors):
        values = {"max_retries": 4 + number, "notify_weekly": bool(number % 2)}
        changes.change(town.services, account.id, values, actor=actor)
    address = {"postal_address": "Acme Software\n12 Long Harbour Street\nGalway H91 2X4\nIreland"}
    [town.rows["setting"]] = changes.change(town.services, account.id, address, actor=actors[0])


def _tokens(town: Town, company_id: int, account: Any) -> None:
    def make(name: str, **about: Any) -> Any:
        about = {"livemode": True, "scopes": list(api_tokens.SCOPES), "actor": "user:1"} | about
        return api_tokens.create(town.services, company_id, name=name, **about)[0]

    town.rows["token"] = make("Our billing service, in every data centre there is")
    town.change(town.rows["token"], used_at=town.ago(minutes=5))
    make(
        "Warehouse",
        scopes=["cases:read"],
        account_id=account.id,
        expires_at=town.now + timedelta(days=30),
    )
    town.change(make("Old script", livemode=False), revoked_at=town.ago(days=2))
    town.change(make("Trial", livemode=False), expires_at=town.ago(days=2))


def _hooks(town: Town, account: Any) -> None:
    every = list(webhook_events.EVENTS)
    long = "https://hooks.integrations.acme.test/recover/" + "a-rather-long-path/" * 4
    endpoint, _ = webhook_endpoints.create(town.services, account, long, every, actor="user:1")
    town.rows["hook"] = endpoint
    trouble = "Nothing was accepted for five days, so it was switched off."
    for nth, about in enumerate(
        (
            {"enabled": False},
            {"failing_since": town.ago(days=2), "resting_until": town.now},
            {"enabled": False, "trouble": trouble, "failing_since": town.ago(days=6)},
        )
    ):
        town.rows[f"hook {nth}"] = town.add(
            WebhookEndpoint(
                account_id=account.id,
                url=f"https://acme.test/hooks/{nth}",
                events=every[:2],
                created_at=town.ago(days=9),
                **about,
            )
        )
    for nth, status in enumerate(("delivered", "pending", "given_up", "delivered")):
        delivery = town.add(
            Delivery(
                account_id=account.id,
                endpoint_id=endpoint.id,
                event_id=f"evt_{nth}" + "f" * 28,
                event_type=every[nth % len(every)],
                body="{}",
                status=status,
                due_at=town.now,
                keep_trying_until=town.now,
                created_at=town.ago(hours=nth),
            )
        )
        bad = "<html><body><h1>502 Bad Gateway</h1>" + "nginx/1.27 " * 20
        answers = (
            [(200, "", "ok")]
            if status == "delivered"
            else [(0, "No answer within 10 seconds.", ""), (502, "It answered 502.", bad)]
        )
        town.add(
            *(
                DeliveryAttempt(
                    delivery_id=delivery.id,
                    at=town.ago(minutes=9),
                    took_ms=10_004,
                    status_code=code,
                    error=error,
                    answer=answer,
                )
                for code, error, answer in answers
            )
        )
