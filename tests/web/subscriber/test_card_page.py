"""The card page over HTTP, on the sandbox's Stripe: every state, and every way through it."""

from __future__ import annotations

import dataclasses
import re

import pytest
import requests
from sqlalchemy import select

from app import create_app
from recover.models import Account, CardUpdate, LedgerLine, Message
from recover.subscribers import card_page

pytest_plugins = ("web_cast",)

GOOD, DECLINES, ASKS = "4242424242424242", "4000000000000341", "4000002760003184"
JSON = {"Accept": "application/json"}


class Visit:
    """What the page's script does, step by step."""

    def __init__(self, scene, link, invoices=None):
        self.scene, self.link = scene, link
        self.client = scene.app.test_client()
        self.page = self.client.get(link)
        self.token = re.search(r'name="csrf_token" value="([^"]+)"', self.page.text)[1]
        found = re.findall(r'name="invoice" value="([^"]+)"', self.page.text)
        self.invoices = found if invoices is None else invoices
        self.answer = {}

    def post(self, step, **fields):
        data = {"csrf_token": self.token, **fields}
        return self.client.post(f"{self.link}/{step}", data=data, headers=JSON)

    def start(self):
        answer = self.post("start", invoice=self.invoices)
        self.answer = answer.json
        return answer

    def type(self, number):
        """Stripe.js confirms the SetupIntent with the typed card."""
        self.stripe(f"setup_intents/{self.answer['setup_intent']}/confirm", card_fields(number))
        return self

    def authenticate(self, secret, outcome="success"):
        self.stripe("sandbox/authenticate", {"outcome": outcome}, secret)

    def stripe(self, path, fields, secret=""):
        base = self.scene.services.settings.stripe_api_base
        fields = fields | {
            "key": self.answer["publishable_key"],
            "client_secret": secret or self.answer["client_secret"],
        }
        return requests.post(f"{base}/v1/{path}", data=fields, timeout=10)

    def finish(self):
        return self.post("finish", setup_intent=self.answer["setup_intent"])

    def result(self):
        return self.client.get(f"{self.link}/return?setup_intent={self.answer['setup_intent']}")

    def replace_card(self, number):
        self.start()
        self.type(number)
        return self.finish()


def card_fields(number):
    typed = {"number": number, "exp_month": "11", "exp_year": "2031", "cvc": "314"}
    card = {f"payment_method_data[card][{name}]": value for name, value in typed.items()}
    return {"payment_method_data[type]": "card", **card}


def tries(scene):
    return scene.sandbox.report()["authorisations"]


def setup_intents(scene):
    return len(scene.sandbox.store.all("setup_intent"))


def updates(scene):
    with scene.services.db.read() as session:
        return list(session.scalars(select(CardUpdate).order_by(CardUpdate.id)))


# What the page shows


def test_the_page_says_who_asks_what_is_owed_and_for_what(scene):
    case = scene.failed(amount=4900, product="Team")
    html = scene.client.get(scene.link(case)).text
    for words in (
        "Acme",
        "Your payment for Team",
        case.invoice_number,
        "$49.00",
        "Charged once",
        "Visa ending in 4242",
        "help@acme.test",
        "acme.test",
        "Did Acme really send this?",
        "recover.test",
        'lang="en"',
    ):
        assert words in html
    assert 'type="checkbox"' not in html


def test_opening_the_page_creates_nothing_at_stripe(scene):
    link = scene.link(scene.failed())
    before = setup_intents(scene)
    for _ in range(3):
        scene.client.get(link)
    assert updates(scene) == []
    assert setup_intents(scene) == before


def test_the_first_opening_is_noted(scene):
    link = scene.link(scene.failed())
    assert scene.links()[0].opened_at is None
    scene.client.get(link)
    assert scene.links()[0].opened_at == scene.services.now()


def test_amounts_and_days_are_written_as_the_customer_writes_them(scene):
    html = scene.client.get(scene.link(scene.failed(locale="de-DE", currency="eur"))).text
    assert "29,00\u00a0€" in html
    assert "1. März 2027" in html
    assert 'lang="de"' in html
    assert "Neue Karte eingeben" in html


def test_a_yen_has_no_cents(scene):
    html = scene.client.get(scene.link(scene.failed(locale="ja", currency="jpy", amount=2980))).text
    assert "2,980" in html
    assert 'lang="en"' in html


def test_two_invoices_are_a_choice_and_both_are_ticked(scene):
    case = scene.failed()
    second = scene.renewal_fails(_second_subscription(scene, case)["id"])
    html = scene.client.get(scene.link(case)).text
    assert re.findall(r'type="checkbox" name="invoice" value="(\w+)" checked', html) == [
        second.stripe_invoice_id,
        case.stripe_invoice_id,
    ]
    assert "$118.00" in html


def _second_subscription(scene, case):
    customer = scene.sandbox.store.get(case.stripe_customer_id)
    return scene.sandbox.add_subscription(customer, 8900, "usd", product="Extra")


def test_with_nothing_owed_the_card_can_still_be_replaced(scene):
    case = scene.failed()
    link = scene.link(case)
    with scene.services.db.begin() as session:
        session.merge(scene.links()[0]).case_id = None
    scene.sandbox.pay_on_hosted_page(case.stripe_invoice_id)
    html = scene.client.get(link).text
    assert "Replace your card" in html
    assert "Nothing is owed today" in html


def test_a_paid_invoice_is_met_with_thanks(scene):
    case = scene.failed()
    link = scene.link(case)
    Visit(scene, link).replace_card(GOOD)
    answer = scene.client.get(link)
    assert answer.status_code == 200
    assert "All settled. Thank you!" in answer.text
    assert "card-form" not in answer.text


def test_an_ended_subscription_wants_no_card(scene):
    case = scene.failed()
    link = scene.link(case)
    scene.sandbox.cancel(scene.sandbox.store.get(case.stripe_subscription_id))
    html = scene.client.get(link).text
    assert "This subscription has ended" in html
    assert "card-form" not in html


def test_a_revoked_link_is_gone(scene):
    link = scene.link(scene.failed())
    card_page.revoke(scene.services, scene.account, scene.links()[0].public_id)
    answer = scene.client.get(link)
    assert answer.status_code == 410
    assert "switched this link off" in answer.text


def test_a_disconnected_company_takes_no_card(scene):
    link = scene.link(scene.failed())
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).disconnected_at = scene.services.now()
    assert scene.client.get(link).status_code == 410


@pytest.mark.parametrize("spoil", [lambda t: t[:-2], lambda t: t + "x", lambda _: "/card/nonsense"])
def test_a_spoilt_link_explains_itself(scene, spoil):
    answer = scene.client.get(spoil(scene.link(scene.failed())))
    assert answer.status_code == 404
    assert "answer that e-mail" in answer.text


def test_stripe_being_away_is_no_dead_end(scene):
    link = scene.link(scene.failed())
    scene.sandbox.faults.outage(20)
    answer = scene.client.get(link)
    assert answer.status_code == 503
    assert "Try again" in answer.text
    assert f'href="{link}"' in answer.text


# A fresh link


def expired(scene, case):
    link = scene.link(case)
    scene.sandbox.clock.advance_to(scene.services.now().replace(month=12, day=15))
    return link


def fresh_mails(scene):
    with scene.services.db.read() as session:
        return list(session.scalars(select(Message).where(Message.template == "fresh_link")))


def test_an_expired_link_offers_a_fresh_one_to_the_address_on_file(scene):
    link = expired(scene, scene.failed(locale="fr"))
    answer = scene.client.get(link)
    assert answer.status_code == 410
    assert "Ce lien a expiré" in answer.text
    assert "sam@subscriber.test" not in answer.text
    answer = scene.post(scene.client, f"{link}/fresh", link)
    assert answer.status_code == 200
    assert [mail.to_email for mail in fresh_mails(scene)] == ["sam@subscriber.test"]


def test_the_answer_is_the_same_where_nothing_can_be_sent(scene):
    link = expired(scene, scene.failed())
    sent = scene.post(scene.client, f"{link}/fresh", link)
    scene.sandbox.faults.outage(20)
    assert scene.post(scene.client, f"{link}/fresh", link).text == sent.text
    assert len(fresh_mails(scene)) == 1


# Through the page


def test_a_new_card_pays_what_is_owed_and_is_kept(scene):
    case = scene.failed()
    visit = Visit(scene, scene.link(case))
    assert visit.start().json["label"] == "Save card and pay $29.00"
    assert visit.type(GOOD).finish().json["state"] == "paid"
    html = visit.result().text
    assert "Your payment of $29.00 went through. Paid with Visa ending in 4242." in html
    assert scene.case(case.id).state == "recovered"
    with scene.services.db.read() as session:
        assert session.scalars(select(LedgerLine.source)).all() == ["card_page"]


def test_every_step_twice_is_as_good_as_once(scene):
    visit = Visit(scene, scene.link(scene.failed()))
    visit.start()
    visit.type(GOOD)
    before = tries(scene)
    answers = [visit.finish().json["state"] for _ in range(3)]
    assert answers == ["paid"] * 3
    assert visit.result().text == visit.result().text
    assert tries(scene) == before + 1


def test_an_invoice_left_unticked_is_not_paid(scene):
    case = scene.failed()
    second = scene.renewal_fails(_second_subscription(scene, case)["id"])
    visit = Visit(scene, scene.link(case), [second.stripe_invoice_id])
    assert visit.start().json["label"] == "Save card and pay $89.00"
    visit.type(GOOD).finish()
    assert scene.case(second.id).state == "recovered"
    assert scene.case(case.id).state == "open"
    assert case.invoice_number in visit.result().text  # still there to be paid


def test_with_nothing_ticked_the_card_is_only_saved(scene):
    case = scene.failed()
    visit = Visit(scene, scene.link(case), [])
    assert visit.start().json["label"] == "Save card"
    assert visit.type(GOOD).finish().json["state"] == "saved"
    assert "Nothing was charged today" in visit.result().text


def test_an_invoice_of_somebody_else_cannot_be_slipped_in(scene):
    other = scene.failed(email="other@subscriber.test")
    visit = Visit(scene, scene.link(scene.failed()), [other.stripe_invoice_id])
    assert visit.start().json["label"] == "Save card"
    assert updates(scene)[0].invoice_ids == []


def test_a_decline_is_told_humanely_and_another_card_may_be_tried(scene):
    case = scene.failed()
    link = scene.link(case)
    visit = Visit(scene, link)
    assert visit.replace_card(DECLINES).json["state"] == "declined"
    html = visit.result().text
    assert "A call to the bank often helps" in html
    assert "Try another card" in html
    again = Visit(scene, link)
    assert again.replace_card(GOOD).json["state"] == "paid"


def test_a_bank_that_asks_is_answered_on_the_page(scene):
    case = scene.failed()
    visit = Visit(scene, scene.link(case))
    visit.start()
    visit.type(ASKS)
    visit.authenticate(visit.answer["client_secret"])
    answer = visit.finish().json
    assert answer["state"] == "action"
    assert "One more step" in visit.result().text
    visit.authenticate(answer["client_secret"])
    settled = visit.post("settle", setup_intent=visit.answer["setup_intent"])
    assert settled.json["state"] == "paid"
    assert scene.case(case.id).state == "recovered"


def test_a_confirmation_that_fails_is_a_decline_with_a_way_on(scene):
    visit = Visit(scene, scene.link(scene.failed()))
    visit.start()
    visit.type(ASKS)
    visit.authenticate(visit.answer["client_secret"])
    secret = visit.finish().json["client_secret"]
    visit.authenticate(secret, "fail")
    settled = visit.post("settle", setup_intent=visit.answer["setup_intent"])
    assert settled.json["state"] == "declined"
    assert "Try another card" in visit.result().text


def test_a_card_never_confirmed_is_not_saved(scene):
    visit = Visit(scene, scene.link(scene.failed()))
    visit.start()
    assert visit.finish().json["state"] == "not_saved"
    assert "The card could not be saved" in visit.result().text


def test_without_a_script_hosted_checkout_does_it(scene):
    case = scene.failed()
    link = scene.link(case)
    page = Visit(scene, link)
    answer = page.post("checkout", invoice=page.invoices)
    assert answer.status_code == 303
    assert answer.location.startswith(scene.services.settings.stripe_api_base)
    session_id = updates(scene)[0].stripe_session_id
    typed = {"number": GOOD, "exp_month": "11", "exp_year": "2031", "cvc": "314"}
    back = requests.post(answer.location, data=typed, timeout=10, allow_redirects=False)
    assert back.headers["Location"] == f"http://recover.test{link}/return?session_id={session_id}"
    html = page.client.get(back.headers["Location"]).text
    assert "Your payment of $29.00 went through" in html


def test_coming_back_from_checkout_with_nothing_shows_the_page_again(scene):
    link = scene.link(scene.failed())
    assert scene.client.get(f"{link}/return").location == link


def test_a_setup_intent_of_another_link_is_refused(scene):
    theirs = Visit(scene, scene.link(scene.failed(email="other@subscriber.test")))
    theirs.start()
    theirs.type(GOOD)
    mine = Visit(scene, scene.link(scene.failed()))
    for step in ("finish", "settle"):
        answer = mine.post(step, setup_intent=theirs.answer["setup_intent"])
        assert answer.status_code == 409
        assert "message" in answer.json
    stolen = mine.client.get(f"{mine.link}/return?setup_intent={theirs.answer['setup_intent']}")
    assert stolen.status_code == 409


def test_a_link_switched_off_meanwhile_saves_nothing(scene):
    visit = Visit(scene, scene.link(scene.failed()))
    visit.start()
    visit.type(GOOD)
    card_page.revoke(scene.services, scene.account, scene.links()[0].public_id)
    before = tries(scene)
    assert visit.finish().status_code == 409
    assert visit.start().status_code == 409
    assert tries(scene) == before


def test_a_link_used_too_often_rests_until_tomorrow(scene):
    link = scene.link(scene.failed())
    for _ in range(6):
        assert Visit(scene, link).start().status_code == 200
    visit = Visit(scene, link)
    answer = visit.start()
    assert answer.status_code == 429
    assert "Please try again tomorrow" in answer.json["message"]
    page = visit.client.post(f"{link}/checkout", data={"csrf_token": visit.token})
    assert page.status_code == 429
    assert "take a break" in page.text


def test_the_caps_speak_the_customers_language(scene):
    link = scene.link(scene.failed(locale="es"))
    for _ in range(6):
        Visit(scene, link).start()
    assert "Inténtalo de nuevo mañana" in Visit(scene, link).start().json["message"]


def test_a_page_left_open_too_long_says_what_to_do(scene):
    link = scene.link(scene.failed())
    answer = scene.client.post(f"{link}/checkout", data={"csrf_token": "old"})
    assert answer.status_code == 400
    assert "open for too long" in answer.text
    assert f'href="{link}"' in answer.text


def test_stripe_away_in_the_middle_is_told_to_the_script(scene):
    visit = Visit(scene, scene.link(scene.failed()))
    visit.start()
    visit.type(GOOD)
    scene.sandbox.faults.outage(20)
    answer = visit.finish()
    assert answer.status_code == 503
    assert "try again in a minute" in answer.json["message"]
    scene.sandbox.faults.clear()
    assert visit.finish().json["state"] == "paid"


def test_an_account_of_the_platform_is_named_to_stripes_script(scene):
    settings = dataclasses.replace(
        scene.services.settings, stripe_secret_key=scene.sandbox.platform_key
    )
    scene.services = dataclasses.replace(scene.services, settings=settings)
    scene.app = create_app(scene.services)
    with scene.services.db.begin() as session:
        row = session.get_one(Account, scene.account.id)
        row.connection, row.publishable_key = "platform", scene.sandbox.publishable_key
    scene.account = row
    visit = Visit(scene, scene.link(scene.failed()))
    assert visit.start().json["stripe_account"] == scene.sandbox.account_id
    assert visit.answer["publishable_key"] == scene.sandbox.publishable_key


def test_markup_in_a_name_stays_text(scene):
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).name = "<b>Acme</b>"
    html = scene.client.get(scene.link(scene.failed(product="<i>Pro</i>"))).text
    assert "<b>Acme" not in html
    assert "<i>Pro" not in html
