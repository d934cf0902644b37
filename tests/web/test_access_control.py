"""Who may call which page, and the headers every page goes out with."""

from __future__ import annotations

import dataclasses
import re

import pytest

from app import create_app
from recover.models import Account, Company, User
from recover.web import access_control, headers

pytest_plugins = ("web_cast",)

# All others are numbers.
TOKENS = {
    "token": "nonsense",
    "color": "1f6feb",
    "name": "shipped",
    "invoice_id": "in_1",
    "mode": "recover",
}


def addresses(app):
    """Each of our endpoints with an address and a method to call it by."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("web."):
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: TOKENS.get(match[1], "1"), rule.rule)
            for method in rule.methods & {"GET", "POST"}:
                yield rule.endpoint, method, path


def test_every_page_is_public_by_name_or_asks_for_a_sign_in(scene):
    asked = set()
    token = scene.csrf(scene.client, "/sign-in")
    for endpoint, method, path in addresses(scene.app):
        data = {"csrf_token": token} if method == "POST" else None
        answer = scene.client.open(path, method=method, data=data)
        turned_away = answer.status_code == 303 and answer.location == "/sign-in"
        if endpoint not in access_control.PUBLIC:
            assert turned_away, endpoint
            asked.add(endpoint)
        else:
            assert not turned_away, endpoint
    assert asked >= {
        "web.overview.show",
        "web.case_page.show",
        "web.case_page.retry",
        "web.case_page.revoke",
    }


def test_the_public_list_names_only_pages_there_are(scene):
    there = {endpoint for endpoint, _, _ in addresses(scene.app)}
    assert there >= access_control.PUBLIC
    assert access_control.PUBLIC >= access_control.WITHOUT_CSRF


def test_nothing_is_changed_without_a_csrf_token(scene):
    client = scene.sign_in()
    for endpoint, method, path in addresses(scene.app):
        if method == "POST" and endpoint not in access_control.WITHOUT_CSRF:
            answer = client.post(path)
            assert answer.status_code == 400, endpoint


def test_webhooks_are_not_asked_for_a_csrf_token(scene):
    answer = scene.client.post("/webhooks/stripe", data=b"{}")
    assert answer.status_code == 400
    assert "signature" in answer.text.lower()


def test_a_page_carries_a_strict_policy_and_no_page_may_frame_it(scene):
    headers = scene.client.get("/sign-in").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in headers  # the test's address is plain http


def test_only_the_card_page_lets_stripe_in_and_only_stripe(scene, stripe_url):
    case = scene.failed()
    policy = scene.client.get(scene.link(case)).headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == "'self' https://js.stripe.com https://*.js.stripe.com"
    assert directives["connect-src"] == f"'self' {stripe_url}"
    assert directives["form-action"] == f"'self' {stripe_url}"
    assert "https://hooks.stripe.com" in directives["frame-src"]
    assert directives["style-src"] == "'self'"


def test_in_a_rehearsal_only_the_pretend_stripe_is_let_in(scene, stripe_url):
    settings = dataclasses.replace(scene.services.settings, stripe_js_url=f"{stripe_url}/stripe.js")
    app = create_app(dataclasses.replace(scene.services, settings=settings))
    policy = app.test_client().get(scene.link(scene.failed())).headers["Content-Security-Policy"]
    assert "stripe.com" not in policy
    assert f"script-src 'self' {stripe_url};" in policy


def test_a_logo_is_the_only_foreign_picture(scene):
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).logo_url = "https://cdn.acme.test/a/logo.png"
    answer = scene.client.get(scene.link(scene.failed()))
    assert "img-src 'self' https://cdn.acme.test;" in answer.headers["Content-Security-Policy"]
    assert 'src="https://cdn.acme.test/a/logo.png"' in answer.text


@pytest.mark.parametrize("path", ["card", "sign-in", "stop"])
def test_signed_pages_are_not_stored_and_do_not_pass_their_address_on(scene, path):
    headers = scene.client.get(f"/{path}/nonsense").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_signed_in_pages_are_not_stored(scene):
    headers = scene.sign_in().get("/").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_over_https_cookies_are_secure_and_the_browser_stays_on_https(scene):
    settings = dataclasses.replace(scene.services.settings, base_url="https://recover.test")
    app = create_app(dataclasses.replace(scene.services, settings=settings))
    answer = app.test_client().get("/sign-in", base_url="https://recover.test")
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax"))


def test_a_form_works_over_https_although_no_referrer_is_sent(scene):
    settings = dataclasses.replace(scene.services.settings, base_url="https://recover.test")
    app = create_app(dataclasses.replace(scene.services, settings=settings))
    client = app.test_client()
    token = scene.csrf(client, "/sign-in", base_url="https://recover.test")
    answer = client.post(
        "/sign-in", base_url="https://recover.test", data={"csrf_token": token, "email": "a@b.test"}
    )
    assert answer.status_code == 200


def test_a_session_survives_a_change_of_the_secret_key(scene):
    client = scene.sign_in()
    cookie = client.get_cookie("recover_session").value
    old = scene.services.settings.secret_keys
    settings = dataclasses.replace(
        scene.services.settings, secret_keys=("a-newer-secret-key-0123456789-0123", *old)
    )
    fresh = create_app(dataclasses.replace(scene.services, settings=settings)).test_client()
    fresh.set_cookie("recover_session", cookie)
    assert fresh.get("/").status_code == 200


def test_what_changes_no_session_sends_no_cookie(scene):
    client = scene.sign_in()
    client.get("/")  # makes the CSRF token, which the session keeps
    for path in ("/", "/static/recover.css", "/settings/sessions"):
        with client.get(path) as answer:
            assert "Set-Cookie" not in answer.headers


def test_a_large_form_is_refused_before_it_is_read(scene):
    answer = scene.client.post("/sign-in", data={"email": "a" * headers.MAX_FORM_BYTES})
    assert answer.status_code == 413
    assert "That was too much" in answer.text


def test_an_unknown_address_has_a_page_with_a_way_out(scene):
    answer = scene.client.get("/no/such/page")
    assert answer.status_code == 404
    assert 'href="/"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_fault_of_ours_shows_no_detail(scene):
    scene.app.testing = False

    @scene.app.get("/breaks")
    def breaks():
        raise RuntimeError("the secret detail")

    answer = scene.client.get("/breaks")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "our side" in answer.text


def test_a_companys_colour_is_a_stylesheet_and_nothing_else_is(scene):
    answer = scene.client.get("/brand/1f6feb.css")
    assert answer.mimetype == "text/css"
    assert "--brand:#1f6feb" in answer.text
    assert "immutable" in answer.headers["Cache-Control"]
    for wrong in ("1f6fe", "1F6FEB", "red;}body{", "zzz"):
        assert scene.client.get(f"/brand/{wrong}.css").status_code == 404


def test_each_company_sees_only_its_own(scene):
    case = scene.failed(name="Only For Acme")
    with scene.services.db.begin() as session:
        rival = Company(name="Rival", created_at=scene.services.now())
        session.add(rival)
        session.flush()
        spy = User(company_id=rival.id, email="spy@rival.test", created_at=scene.services.now())
        session.add(spy)
    theirs = scene.sign_in(spy)
    assert "Only For Acme" not in theirs.get("/").text
    for path in ("", "?preview=1", "/retry"):
        assert theirs.get(f"/cases/{case.id}{path}").status_code == 404
    for act in ("refresh", "retry", "revoke"):
        token = {"csrf_token": scene.csrf(theirs, "/")}
        assert theirs.post(f"/cases/{case.id}/{act}", data=token).status_code == 404
    assert scene.sign_in().get(f"/cases/{case.id}").status_code == 200
