"""Card pages in each state there is, the pages that stop mails, and links as mails carry them."""

from __future__ import annotations

import re
from typing import Any

import requests
from page_town import CSRF, LOGO, LONG, Town
from sqlalchemy import select

from recover.foundation.signed_links import Purpose
from recover.models import Attempt, CardUpdate, Link, RecoveryCase, Suppression
from recover.subscribers.card_caps import PER_LINK


def subscribers(town: Town) -> None:
    """Card pages in each state there is, and pages of the link that stops mails."""
    town.company("Bookshelf", "boris")
    brand = {
        "logo_url": LOGO,
        "color": "#0f766e",
        "website_url": "https://bookshelf.test",
        "postal_address": "Bookshelf, 1 Paper Lane, Leeds LS1 4AP, United Kingdom",
    }
    town.connect("shelf", "boris", title="Bookshelf", known=False, **brand)
    town.connect("plain", "boris", title="Plain Paper", known=False)
    _owing(town)
    _not_owing(town)
    for state, number in CARDS.items():
        town.rows[state] = _enter(town, town.card_link(town.failed("shelf")), number)
    unticked = town.card_link(town.failed("plain"))
    town.rows["nothing ticked"] = _enter(town, unticked, GOOD, pay=False)
    nothing = town.card_link(town.rows["settled case"], case_id=None)
    town.rows["card saved"] = _enter(town, nothing, GOOD, pay=False)
    town.rows["card waits"] = _waiting_for_the_bank(town)
    _used_up(town)
    _stopping(town)


def _owing(town: Town) -> None:
    def link(name: str, account: str, **about: Any) -> None:
        town.rows[name] = town.card_link(town.failed(account, synced=False, **about))

    link("owed", "shelf")
    for language in ("de", "fr", "es"):
        link(f"owed {language}", "plain", locale=language, currency="eur", amount=129_900)
    long = {"locale": "de", "currency": "eur", "amount": 99_999_999, "product": LONG}
    link("owed long", "plain", **long)
    two = town.failed("shelf", synced=False)
    with town.at("shelf") as sandbox:
        customer = sandbox.store.get(two.stripe_customer_id)
        sandbox.fail_renewal(sandbox.add_subscription(customer, 8900, product="Extra"))
    town.rows["owed two"] = town.card_link(two)


def _not_owing(town: Town) -> None:
    ended, settled = (town.failed("shelf", synced=False) for _ in range(2))
    with town.at("shelf") as sandbox:
        sandbox.cancel(sandbox.store.get(ended.stripe_subscription_id))
        sandbox.pay_on_hosted_page(settled.stripe_invoice_id)
    town.change(settled, state="recovered")
    town.rows |= {
        "settled case": settled,
        "ended": town.card_link(ended),
        "only card": town.card_link(settled, case_id=None),
        "paid before": town.card_link(settled),
        "switched off": town.card_link(settled, revoked_at=town.now),
        "expired": town.card_link(settled, at=town.ago(days=400)),
        "of the broken": town.card_link(town.rows["broken case"]),
        "of the gone": town.card_link(town.failed("gone", synced=False)),
    }


def _waiting_for_the_bank(town: Town) -> str:
    """A card was saved, and the bank has not answered the payment yet."""
    case = town.failed("shelf")
    address = _enter(town, town.card_link(case), CARDS["card declined"])
    town.add(_unanswered(town, case))
    return address


def _unanswered(town: Town, case: RecoveryCase) -> Attempt:
    return Attempt(
        account_id=case.account_id,
        case_id=case.id,
        trigger="subscriber",
        outcome="pending",
        amount_minor=case.amount_minor,
        currency=case.currency,
        attempted_at=town.now,
    )


def _used_up(town: Town) -> None:
    """A link through which as many cards were entered as one day allows."""
    case = town.failed("shelf", synced=False)
    town.rows["used up"] = town.card_link(case)
    with town.services.db.read() as session:
        query = select(Link.id).where(Link.stripe_customer_id == case.stripe_customer_id)
        link_id = session.scalar(query)
    use = {"account_id": case.account_id, "link_id": link_id, "created_at": town.now}
    town.add(*(CardUpdate(via="element", status="started", **use) for _ in range(PER_LINK)))


def _stopping(town: Town) -> None:
    shelf, plain = town.accounts["shelf"], town.accounts["plain"]
    for name in ("asks", "sends", "asked", "refuses", "resumes"):
        token = town.token(Purpose.STOP_MAIL, account=shelf.id, customer=f"cus_{name}")
        town.rows[f"stop {name}"] = f"/stop/{token}"
    stop = {"account_id": shelf.id, "created_at": town.now}
    town.add(
        Suppression(stripe_customer_id="cus_asked", reason="asked", **stop),
        Suppression(stripe_customer_id="cus_refuses", reason="refused", **stop),
        Suppression(stripe_customer_id="cus_resumes", reason="asked", **stop),
    )
    german = town.failed("plain", synced=False, locale="de")
    town.change(german, locale="de")
    token = town.token(Purpose.STOP_MAIL, account=plain.id, customer=german.stripe_customer_id)
    town.rows["stop in German"] = f"/stop/{token}"


def mailed(town: Town) -> None:
    """Links as mails carry them: to sign in, to take a place, to confirm a sender."""
    fresh = town.begin_session(town.people["olaf"], used_at=None)
    used = town.token(Purpose.SIGN_IN, nonce=town.begin_session(town.people["olaf"]).nonce)
    town.rows["used sign-in link"] = f"/sign-in/{used}"
    nobody = town.token(Purpose.INVITATION, nonce="withdrawn")
    town.rows["withdrawn invitation link"] = f"/invitation/{nobody}"
    kettle = {"account": town.accounts["kettle"].id, "address": "billing@kettle.test"}
    sign_in, sender = (Purpose.SIGN_IN, {"nonce": fresh.nonce}), (Purpose.CONFIRM_SENDER, kettle)
    invited = Purpose.INVITATION, {"nonce": town.rows["new.colleague"].mailed_nonce}
    for path, (purpose, payload) in {
        "sign-in": sign_in,
        "confirm-sender": sender,
        "invitation": invited,
    }.items():
        town.rows[f"{path} link"] = f"/{path}/{town.token(purpose, **payload)}"
        old = town.token(purpose, town.ago(days=40), **payload)
        town.rows[f"old {path} link"] = f"/{path}/{old}"


GOOD = "4242424242424242"
CARDS = {
    "card paid": GOOD,
    "card declined": "4000000000000341",
    "card asks": "4000002760003184",
    "card not saved": "4000000000000002",
}


def _enter(town: Town, link: str, number: str, *, pay: bool = True) -> str:
    """Type a card on its page, as the script would; the address that shows what came of it."""
    client, headers = town.app.test_client(), {"Accept": "application/json"}
    page = client.get(link).text
    csrf = {"csrf_token": CSRF.findall(page)[0]}
    invoices = re.findall(r'name="invoice" value="([^"]+)"', page) if pay else []
    begun = client.post(f"{link}/start", data=csrf | {"invoice": invoices}, headers=headers).json
    setup, secret = begun["setup_intent"], begun["client_secret"]

    def stripe(path: str, **fields: str) -> None:
        keys = {"key": begun["publishable_key"], "client_secret": secret}
        base = town.services.settings.stripe_api_base
        requests.post(f"{base}/v1/{path}", data=keys | fields, timeout=10)

    card = {"number": number, "exp_month": "11", "exp_year": "2031", "cvc": "314"}
    typed = {f"payment_method_data[card][{name}]": value for name, value in card.items()}
    stripe(f"setup_intents/{setup}/confirm", **{"payment_method_data[type]": "card"}, **typed)
    if number == CARDS["card asks"]:
        stripe("sandbox/authenticate", outcome="success")
    client.post(f"{link}/finish", data=csrf | {"setup_intent": setup}, headers=headers)
    return f"{link}/return?setup_intent={setup}"
