"""Passkeys in a real browser, with an authenticator of its own making."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect
from sqlalchemy import select
from team_cast import lines, person

from app import create_app
from recover.foundation.signed_links import Links
from recover.models import Passkey
from recover.people import sessions
from sandbox.server import serve

pytest_plugins = ("web_cast",)
pytestmark = pytest.mark.browser

PAGE = "/settings/passkeys"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def site(scene):
    """The scene's pages on localhost, the one host where passkeys need no https."""
    running = serve(lambda *call: scene.app(*call), host="localhost")  # noqa: PLW0108 - made below
    settings = dataclasses.replace(scene.services.settings, base_url=running.url)
    links = Links(settings.secret_keys, running.url)
    scene.services = dataclasses.replace(scene.services, settings=settings, links=links)
    scene.app = create_app(scene.services)
    yield running.url
    running.stop()


@dataclass
class Laptop:
    """A browser with an authenticator built in."""

    context: BrowserContext
    page: Page
    cdp: CDPSession
    authenticator: str

    def tell(self, command: str, **options):
        return self.cdp.send(
            f"WebAuthn.{command}", {"authenticatorId": self.authenticator, **options}
        )

    def keys(self) -> list[dict]:
        return self.tell("getCredentials")["credentials"]


@pytest.fixture
def laptop(browser: Browser) -> Iterator[Laptop]:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _bad(said) else None)
    cdp = context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield Laptop(context, page, cdp, made["authenticatorId"])
    context.close()
    assert complaints == []


def _bad(said) -> bool:
    """A refused answer travels as 400 or 403, and the browser says so."""
    return said.type == "error" and "status of 40" not in said.text


def signed_in(scene, site, laptop, user=None) -> Page:
    """Give the browser a session, as a mailed link would."""
    client = scene.sign_in(user)
    cookie = client.get_cookie("recover_session").value
    laptop.context.add_cookies([{"name": "recover_session", "value": cookie, "url": site}])
    return laptop.page


def add(site, page, name="My laptop"):
    page.goto(site + PAGE)
    page.get_by_label("Its name").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status").first).to_contain_text("is added")


def signed_out(laptop, site) -> Page:
    laptop.context.clear_cookies()
    laptop.page.goto(site + "/sign-in")
    return laptop.page


def kept(scene) -> list[Passkey]:
    with scene.services.db.read() as session:
        return list(session.scalars(select(Passkey).order_by(Passkey.id)))


def press(page):
    page.get_by_role("button", name="Sign in with a passkey").click()


def test_a_passkey_is_added_and_signs_in(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    expect(page.locator("strong", has_text="My laptop")).to_be_visible()
    page = signed_out(laptop, site)
    press(page)
    expect(page.get_by_text(scene.user.email)).to_be_visible()
    page.goto(site + "/settings/sessions")
    expect(page.get_by_text("with a passkey")).to_be_visible()
    [key] = kept(scene)
    assert key.sign_count == laptop.keys()[0]["signCount"] > 0
    verbs = [line[0] for line in lines(scene.services, scene.user.company_id)]
    assert verbs == ["sign_in", "add_passkey", "sign_in"]


def test_a_device_offers_one_passkey_only(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("has a passkey for you already")).to_be_visible()
    assert len(kept(scene)) == 1


def test_a_passkey_is_renamed_and_removed_and_then_signs_nobody_in(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page.get_by_label("Name of the passkey").fill("  Old   laptop ")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("strong", has_text="Old laptop")).to_be_visible()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("You have none yet.")).to_be_visible()
    page = signed_out(laptop, site)
    press(page)
    expect(page.get_by_role("alert")).to_contain_text("not known here")
    expect(page.get_by_role("button", name="Mail me a link")).to_be_visible()
    verbs = [line[0] for line in lines(scene.services, scene.user.company_id)]
    assert verbs[2:] == ["rename_passkey", "remove_passkey"]


def test_without_fingerprint_or_pin_nothing_happens(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page = signed_out(laptop, site)
    laptop.tell("setUserVerified", isUserVerified=False)
    press(page)
    expect(page.get_by_text("it was cancelled, or took too long")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_enabled()
    page.goto(site + "/")
    expect(page).to_have_url(site + "/sign-in")


def test_a_browser_that_was_talked_out_of_asking_for_the_owner_is_refused(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page = signed_out(laptop, site)
    laptop.tell("setUserVerified", isUserVerified=False)

    def weaken(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"userVerification": "discouraged"})

    page.route("**/sign-in/passkey/options", weaken)
    press(page)
    expect(page.get_by_role("alert")).to_contain_text("did not fit")


def test_a_copied_passkey_is_refused_and_its_owner_told(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    copy = laptop.keys()[0]
    page = signed_out(laptop, site)
    press(page)
    expect(page.get_by_text(scene.user.email)).to_be_visible()
    page = signed_out(laptop, site)
    laptop.tell("clearCredentials")
    laptop.tell("addCredential", credential=copy)  # counts on from where it was copied
    press(page)
    expect(page.get_by_role("alert")).to_contain_text("may have been copied")
    page.goto(site + "/")
    expect(page).to_have_url(site + "/sign-in")
    assert ("refuse_passkey", "recover", f"user:{scene.user.id}") in lines(
        scene.services, scene.user.company_id
    )
    page = signed_in(scene, site, laptop)
    page.goto(site + PAGE)
    expect(page.get_by_text("May have been copied")).to_be_visible()


def test_an_answer_signs_in_once(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page = signed_out(laptop, site)
    sent = {}

    def overhear(route):
        sent["form"] = parse_qs(route.request.post_data)
        sent["cookie"] = laptop.context.cookies(site)[0]["value"]
        route.continue_()

    page.route("**/sign-in/passkey", overhear)
    press(page)
    expect(page.get_by_text(scene.user.email)).to_be_visible()
    with scene.services.db.begin() as session:  # or the count alone would refuse it
        session.scalar(select(Passkey)).sign_count = 0
    client = scene.app.test_client()
    client.set_cookie("recover_session", sent["cookie"], domain="localhost")
    answer = client.post("/sign-in/passkey", data=sent["form"], base_url=site)
    assert answer.status_code == 403
    assert "used already" in answer.text


def test_an_answer_is_good_in_the_browser_it_was_asked_for_alone(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page = signed_out(laptop, site)
    caught = {}

    def keep(route):
        caught["answer"] = parse_qs(route.request.post_data)["answer"]
        route.fulfill(body="kept", content_type="text/plain")

    page.route("**/sign-in/passkey", keep)
    press(page)
    expect(page.get_by_text("kept")).to_be_visible()
    other = scene.app.test_client()
    token = scene.csrf(other, "/sign-in", base_url=site)
    data = {"csrf_token": token, "answer": caught["answer"]}
    without = other.post("/sign-in/passkey", data=data, base_url=site)
    assert (without.status_code, "Please try again" in without.text) == (403, True)
    other.post("/sign-in/passkey/options", data={"csrf_token": token}, base_url=site)
    foreign = other.post("/sign-in/passkey", data=data, base_url=site)
    assert (foreign.status_code, "did not fit" in foreign.text) == (403, True)


def test_a_challenge_is_good_for_five_minutes(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page = signed_out(laptop, site)

    def dawdle(route):
        scene.sandbox.clock.advance_to(scene.services.now().replace(year=2099))
        route.continue_()

    page.route("**/sign-in/passkey", dawdle)
    press(page)
    expect(page.get_by_role("alert")).to_contain_text("longer than five minutes")


def test_a_session_of_an_unproven_address_adds_no_passkey(scene, site, laptop):
    eve = person(scene.services, scene.user.company_id, "eve@books.test")
    signed_in(scene, site, laptop, eve)
    page = laptop.page
    page.goto(site + PAGE)
    with scene.services.db.begin() as session:
        for row in session.scalars(select(sessions.SignIn)):
            row.narrow = True
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("Sign in by a mailed link first")
    assert kept(scene) == []


def test_who_has_left_every_company_is_not_let_in_by_a_passkey(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    with scene.services.db.begin() as session:
        session.get_one(type(scene.user), scene.user.id).removed_at = scene.services.now()
    page = signed_out(laptop, site)
    press(page)
    expect(page.get_by_role("alert")).to_contain_text("opens no company any more")


def test_an_answer_for_another_address_does_not_fit(scene, site, laptop):
    """A page elsewhere that gets somebody to sign cannot use it here: the origin is signed too."""
    page = signed_in(scene, site, laptop)
    add(site, page)
    moved = dataclasses.replace(scene.services.settings, base_url="http://localhost:1")
    scene.app = create_app(dataclasses.replace(scene.services, settings=moved))
    page = signed_out(laptop, site)
    press(page)
    expect(page.get_by_role("alert")).to_contain_text("did not fit")


@pytest.mark.parametrize("answer", ["", "{}", "[]", "nonsense", '{"id": 1}', '{"id": "a"}'])
def test_nonsense_is_refused_in_words(scene, site, answer):
    client = scene.app.test_client()
    token = scene.csrf(client, "/sign-in", base_url=site)
    client.post("/sign-in/passkey/options", data={"csrf_token": token}, base_url=site)
    refused = client.post(
        "/sign-in/passkey", data={"csrf_token": token, "answer": answer}, base_url=site
    )
    assert refused.status_code == 403
    assert 'role="alert"' in refused.text


def test_without_scripts_the_mailed_link_is_offered_alone(scene, site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site + "/sign-in")
    expect(page.get_by_role("button", name="Mail me a link")).to_be_visible()
    expect(page.get_by_role("button", name="passkey")).not_to_be_visible()
    context.close()


def test_a_session_begun_by_passkey_is_full(scene, site, laptop):
    page = signed_in(scene, site, laptop)
    add(site, page)
    page = signed_out(laptop, site)
    press(page)
    expect(page.get_by_text(scene.user.email)).to_be_visible()
    with scene.services.db.read() as session:
        row = session.scalars(select(sessions.SignIn).order_by(sessions.SignIn.id.desc())).first()
    assert (row.way, row.narrow, row.proof is not None) == ("passkey", False, True)
