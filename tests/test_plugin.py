"""Recover mounted inside somebody else's Flask application, whose ways are not ours."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from api_cast import caller
from flask import Flask, session
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import select
from webhook_cast import HOOK_SECRET, body_of, event, signature

from recover.accounts.settings import brand
from recover.foundation.errors import ConfigError
from recover.foundation.signed_links import Links
from recover.models import Account, StripeEvent
from recover.people import users
from recover.plugin import init_app

pytest_plugins = ("web_cast",)

PREFIX = "/billing/recover"
BASE = f"http://recover.test{PREFIX}"


@pytest.fixture
def mounted(scene):
    """The scene, with its pages inside a host that is configured against us in every way."""
    settings = dataclasses.replace(scene.services.settings, base_url=BASE)
    links = Links(settings.secret_keys, settings.base_url)
    scene.services = dataclasses.replace(scene.services, settings=settings, links=links)
    scene.app = host()
    init_app(scene.app, PREFIX, scene.services)
    scene.client = scene.app.test_client()
    return scene


def host() -> Flask:
    app = Flask("host", static_folder=None)
    app.config.update(
        SECRET_KEY="the host's own",
        SESSION_COOKIE_NAME="recover_session",  # the very name of ours
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=10,
        PREFERRED_URL_SCHEME="https",
    )
    CSRFProtect(app)

    @app.get("/", endpoint="web.overview.show")
    def home():
        session["visits"] = session.get("visits", 0) + 1
        return f"the host's home, {session['visits']}"

    @app.errorhandler(404)
    def lost(_):
        return "the host knows no such page", 404

    @app.after_request
    def sign(response):
        response.headers["X-Host"] = "yes"
        return response

    return app


def test_both_have_their_own_pages_errors_and_headers(mounted):
    home = mounted.client.get("/")
    assert home.text == "the host's home, 1"
    assert home.headers["X-Host"] == "yes"
    form = mounted.client.get(f"{PREFIX}/sign-in")
    assert form.status_code == 200
    assert "X-Host" not in form.headers
    assert "default-src 'none'" in form.headers["Content-Security-Policy"]
    assert mounted.client.get("/no/page").text == "the host knows no such page"
    assert "There is nothing here" in mounted.client.get(f"{PREFIX}/no/page").text
    assert mounted.client.get(f"{PREFIX}/health").status_code == 200


def test_every_address_on_a_page_is_under_the_prefix_and_leads_somewhere(mounted):
    html = mounted.client.get(f"{PREFIX}/sign-in").text
    addresses = re.findall(r'(?:href|src|action)="([^"]+)"', html)
    assert addresses
    for address in addresses:
        assert address.startswith(f"{PREFIX}/"), address
        with mounted.client.get(address) as answer:
            assert answer.status_code == 200, address


def test_signing_in_leads_back_to_the_page_that_was_wanted(mounted):
    case = mounted.failed()
    client, wanted = mounted.client, f"{PREFIX}/cases/{case.id}"
    turned_away = client.get(wanted)
    assert turned_away.location == f"{PREFIX}/sign-in"
    asked = users.request_link(mounted.services, mounted.user.email, "a-test")
    assert users.mail_link(mounted.services, asked)
    [mail] = mounted.mailbox.messages()
    link = re.search(rf"{BASE}/sign-in/[\w.-]+", mail.text)[0].removeprefix("http://recover.test")
    entered = mounted.post(client, link, link)
    assert entered.location == wanted
    assert case.customer_name in client.get(wanted).text


def test_the_sessions_never_meet(mounted):
    """Though their cookies have one name: the paths differ, and browsers (RFC 6265) as well as
    this client, in which it was set first, send the one with the longer path first."""
    client = mounted.client
    token = mounted.csrf(client, f"{PREFIX}/sign-in")
    assert client.get_cookie("recover_session", path=PREFIX) is not None
    assert client.get_cookie("recover_session", path="/") is None
    assert client.get("/").text.endswith("1")
    assert client.get("/").text.endswith("2")
    answer = client.post(f"{PREFIX}/sign-in", data={"csrf_token": token, "email": "nobody@s.test"})
    assert answer.status_code == 200  # neither the host's CSRF check nor its limit of 10 bytes
    refused = client.post(f"{PREFIX}/sign-in", data={"email": "nobody@s.test"})
    assert refused.status_code == 400


def test_the_card_page_works_and_sends_people_back_under_the_prefix(mounted):
    case = mounted.failed()
    page = PREFIX + mounted.link(case)
    html = mounted.client.get(page).text
    assert f'action="{page}/checkout"' in html
    sent = mounted.post(mounted.client, f"{page}/checkout", page, invoice=case.stripe_invoice_id)
    assert sent.status_code == 303, sent.text
    [checkout] = mounted.sandbox.store.all("checkout.session")
    assert checkout["success_url"].startswith(f"{BASE}/card/")
    assert PREFIX not in checkout["success_url"].removeprefix(BASE)


def test_stripe_s_webhooks_arrive(mounted):
    with mounted.services.db.begin() as session:
        hook = session.get_one(Account, mounted.account.id)
        hook.webhook_secrets_sealed = mounted.services.vault.seal(HOOK_SECRET)
    content = body_of(event())
    header = signature(content, HOOK_SECRET, mounted.services.now())
    address = f"{PREFIX}/webhooks/stripe/{mounted.account.hook_token}"
    answer = mounted.client.post(address, data=content, headers={"Stripe-Signature": header})
    assert answer.status_code == 200, answer.text
    with mounted.services.db.read() as session:
        assert session.scalars(select(StripeEvent)).one().object_id == "in_1"


def test_the_api_is_there_with_its_own_errors(mounted):
    token = caller(mounted).token
    headers = {"Authorization": f"Bearer {token}"}
    assert mounted.client.get(f"{PREFIX}/api/v1/cases", headers=headers).status_code == 200
    lost = mounted.client.get(f"{PREFIX}/api/v1/nothing")
    assert lost.mimetype == "application/problem+json"
    assert lost.get_json()["type"].startswith(f"{BASE}/api/v1/docs")
    document = mounted.client.get(f"{PREFIX}/api/v1/openapi.json").get_json()
    assert document["servers"] == [{"url": f"{BASE}/api/v1"}]
    docs = mounted.client.get(f"{PREFIX}/api/v1/docs").text
    sheet = re.search(r'rel="stylesheet" href="([^"]+)"', docs)[1]
    with mounted.client.get(sheet) as answer:
        assert answer.status_code == 200


def test_links_in_mails_carry_the_prefix(mounted):
    now = mounted.services.now()
    link = mounted.services.links.url("card", "card-page", {"link": "x"}, now)
    assert link.startswith(f"{BASE}/card/")
    assert brand.brand(mounted.account)


@pytest.mark.parametrize("prefix", ["/dunning", "/billing", "/", ""])
def test_a_prefix_that_mails_would_not_carry_is_refused(scene, prefix):
    settings = dataclasses.replace(scene.services.settings, base_url=BASE)
    services = dataclasses.replace(scene.services, settings=settings)
    with pytest.raises(ConfigError, match="BASE_URL must end in"):
        init_app(Flask("host"), prefix, services)


def test_slashes_around_the_prefix_do_not_matter(scene):
    settings = dataclasses.replace(scene.services.settings, base_url="https://acme.test/recover")
    app = Flask("host")
    init_app(app, "recover/", dataclasses.replace(scene.services, settings=settings))
    assert json.loads(app.test_client().get("/recover/health").text)["database"] == "ok"
