"""Signing in and out, as a browser does it."""

from __future__ import annotations

import pytest

from recover.foundation.signed_links import Purpose

pytest_plugins = ("web_cast",)


def ask(scene, email):
    answer = scene.post(scene.client, "/sign-in", "/sign-in", email=email)
    answer.close()  # what happens after the answer, happens when it is closed
    return answer


def link_in(mail):
    return next(one for one in mail.links if "/sign-in/" in one).removeprefix("http://recover.test")


def test_a_mailed_link_leads_to_the_page_that_was_asked_for(scene):
    assert scene.client.get("/?state=open&q=ada").location == "/sign-in"
    assert ask(scene, "Ada@acme.test").status_code == 200
    (mail,) = scene.mailbox.messages()
    answer = scene.post(scene.client, link_in(mail), link_in(mail))
    assert (answer.status_code, answer.location) == (303, "/?state=open&q=ada")
    assert scene.client.get("/").status_code == 200


def test_a_stranger_gets_the_same_answer_and_no_mail(scene):
    known, stranger = ask(scene, "ada@acme.test"), ask(scene, "eve@acme.test")
    assert stranger.text.replace("eve@acme.test", "ada@acme.test") == known.text
    assert stranger.status_code == known.status_code
    assert [mail.to for mail in scene.mailbox.messages()] == [("ada@acme.test",)]


def test_the_answer_stays_the_same_when_links_run_out(scene):
    answers = [ask(scene, "ada@acme.test") for _ in range(6)]
    assert len({answer.text for answer in answers}) == 1
    assert len(scene.mailbox.messages()) == 5


def test_a_mail_scanner_that_opens_the_link_does_not_use_it_up(scene):
    ask(scene, "ada@acme.test")
    link = link_in(scene.mailbox.messages()[0])
    for _ in range(3):
        assert scene.app.test_client().get(link).status_code == 200
    assert scene.post(scene.client, link, link).status_code == 303


def test_a_link_works_once(scene):
    ask(scene, "ada@acme.test")
    link = link_in(scene.mailbox.messages()[0])
    other = scene.app.test_client()
    assert scene.post(scene.client, link, link).status_code == 303
    for answer in (other.get(link), scene.post(other, link, "/sign-in")):
        assert answer.status_code == 410
        assert "used already" in answer.text
        assert 'href="/sign-in"' in answer.text
    assert other.get("/").status_code == 303


def test_an_old_link_says_so_and_offers_a_new_one(scene):
    ask(scene, "ada@acme.test")
    link = link_in(scene.mailbox.messages()[0])
    scene.sandbox.clock.advance_to(scene.services.now().replace(hour=23))
    answer = scene.client.get(link)
    assert answer.status_code == 410
    assert 'href="/sign-in"' in answer.text


def test_a_link_of_another_kind_signs_nobody_in(scene):
    token = scene.services.links.sign(Purpose.CARD_PAGE, {"nonce": "x"}, scene.services.now())
    assert scene.client.get(f"/sign-in/{token}").status_code == 410


@pytest.mark.parametrize("email", ["", "ada", "ada@", "two words@acme.test"])
def test_a_slip_of_the_pen_is_named_beside_the_field(scene, email):
    answer = ask(scene, email)
    assert 'aria-describedby="email-fault"' in answer.text
    assert "does not look like an e-mail address" in answer.text


def test_markup_in_an_address_stays_text(scene):
    assert "<b>x" not in ask(scene, "<b>x@acme.test").text


def test_signing_out_ends_the_session_even_for_a_copied_cookie(scene):
    client = scene.sign_in()
    cookie = client.get_cookie("recover_session").value
    assert scene.post(client, "/sign-out", "/").location == "/sign-in"
    assert client.get("/").status_code == 303
    thief = scene.app.test_client()
    thief.set_cookie("recover_session", cookie)
    assert thief.get("/").status_code == 303


def test_signing_in_starts_a_new_session(scene):
    scene.client.get("/sign-in")
    before = scene.client.get_cookie("recover_session").value
    scene.sign_in(client=scene.client)
    with scene.client.session_transaction() as session:
        assert set(session) == {"token", "_permanent"}
    assert scene.client.get_cookie("recover_session").value != before


def test_the_page_of_a_link_says_whom_it_signs_in_and_where_it_was_asked_for(scene):
    ask(scene, "ada@acme.test")
    link = link_in(scene.mailbox.messages()[0])
    here, elsewhere = scene.client.get(link).text, scene.app.test_client().get(link).text
    assert "ada@acme.test" in here
    assert "ada@acme.test" in elsewhere
    assert "another browser" in elsewhere
    assert "another browser" not in here


def test_signing_in_again_in_one_browser_ends_the_session_it_had(scene):
    scene.sign_in(client=scene.client)
    cookie = scene.client.get_cookie("recover_session").value
    scene.sign_in(client=scene.client)
    before = scene.app.test_client()
    before.set_cookie("recover_session", cookie)
    assert before.get("/").status_code == 303
    assert scene.client.get("/").status_code == 200
