"""The pages about people, as browsers use them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select
from team_cast import another_company, lines, person, there

from recover.models import Role, SignIn
from recover.people import invitations

pytest_plugins = ("web_cast",)

TEAM, SESSIONS = "/settings/team", "/settings/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def kay(scene):
    return person(scene.services, scene.user.company_id, "kay@acme.test", Role.MEMBER)


def invite(scene, client, email="eve@books.test", role="viewer"):
    return scene.post(client, f"{TEAM}/invitations", TEAM, email=email, role=role)


def link_of(mail) -> str:
    found = next(one for one in mail.links if "/invitation/" in one)
    return found.removeprefix("http://recover.test")


def test_an_owner_invites_and_the_invited_comes_in(scene):
    assert invite(scene, scene.sign_in()).status_code == 303
    link = link_of(scene.mailbox.messages()[-1])
    theirs = scene.app.test_client()
    page = theirs.get(link)
    for part in ("Acme Software", "eve@books.test", "as viewer", "Accept and sign in"):
        assert part in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert scene.post(theirs, link, link).location == "/"
    assert "eve@books.test" in theirs.get(TEAM).text
    for again in (theirs.get(link), scene.post(theirs, link, "/sign-in")):
        assert again.status_code == 410
        assert "accepted already" in again.text


def test_a_mail_scanner_that_opens_an_invitation_does_not_take_it(scene):
    invite(scene, scene.sign_in())
    link = link_of(scene.mailbox.messages()[-1])
    for method in ("GET", "HEAD", "GET"):
        assert scene.app.test_client().open(link, method=method).status_code == 200
    theirs = scene.app.test_client()
    assert scene.post(theirs, link, link).status_code == 303


def test_the_page_shows_whether_the_mail_server_took_it_and_the_way_round(scene):
    client = scene.sign_in()
    invite(scene, client, "ok@books.test")
    scene.mailbox.fail_next(550)
    invite(scene, client, "bad@books.test")
    text = client.get(TEAM).text
    assert "Mail server took it" in text
    assert "Mail did not go out" in text
    assert "550" in text
    with scene.services.db.read() as session:
        newest = invitations.pending(session, scene.user.company_id)[0]
    shown = scene.post(client, f"{TEAM}/invitations/{newest.id}/link", TEAM)
    url = re.search(r'value="(http://recover.test/invitation/[^"]+)"', shown.text)[1]
    assert shown.headers["Cache-Control"] == "no-store"
    theirs, path = scene.app.test_client(), url.removeprefix("http://recover.test")
    assert scene.post(theirs, path, path).status_code == 303
    assert "does not prove your mail address" in theirs.get("/settings/passkeys").text
    assert "show_invitation" in [line[0] for line in lines(scene.services, scene.user.company_id)]


@pytest.mark.parametrize(
    ("email", "said"),
    [("ada@acme.test", "on the team already"), ("no address", "does not look like")],
)
def test_what_cannot_be_invited_is_said_beside_the_field_and_kept_in_it(scene, email, said):
    answer = invite(scene, scene.sign_in(), email)
    assert answer.status_code == 409
    assert said in answer.text
    assert 'aria-describedby="invite-fault"' in answer.text
    assert f'value="{email}"' in answer.text


def test_an_invitation_is_sent_again_and_withdrawn(scene):
    client = scene.sign_in()
    invite(scene, client)
    with scene.services.db.read() as session:
        [row] = invitations.pending(session, scene.user.company_id)
    assert scene.post(client, f"{TEAM}/invitations/{row.id}/again", TEAM).status_code == 303
    assert "Mailed 2 times" in client.get(TEAM).text
    assert scene.post(client, f"{TEAM}/invitations/{row.id}/withdraw", TEAM).status_code == 303
    assert "Nobody is invited" in client.get(TEAM).text
    gone = scene.post(client, f"{TEAM}/invitations/{row.id}/again", TEAM)
    assert (gone.status_code, "not open any more" in gone.text) == (409, True)


def test_an_old_invitation_says_whom_to_ask(scene):
    invite(scene, scene.sign_in())
    link = link_of(scene.mailbox.messages()[-1])
    scene.sandbox.clock.advance_to(scene.services.now() + invitations.LIFETIME * 1.01)
    answer = scene.app.test_client().get(link)
    assert (answer.status_code, "send it again" in answer.text) == (410, True)


def test_a_role_is_changed_on_the_page(scene, kay):
    answer = scene.post(scene.sign_in(), f"{TEAM}/{kay.id}/role", TEAM, role="viewer")
    assert answer.status_code == 303
    assert there(scene.services, kay).role == "viewer"
    assert ("change_role", f"user:{scene.user.id}", f"user:{kay.id}") in lines(
        scene.services, scene.user.company_id
    )


def test_a_role_nobody_knows_is_refused(scene, kay):
    assert scene.post(scene.sign_in(), f"{TEAM}/{kay.id}/role", TEAM, role="god").status_code == 400
    assert there(scene.services, kay).role == "member"


def test_who_loses_a_role_loses_it_in_the_session_they_have(scene, kay):
    theirs, case = scene.sign_in(kay), scene.failed()
    assert theirs.get(f"/cases/{case.id}/retry").status_code == 200
    scene.post(scene.sign_in(), f"{TEAM}/{kay.id}/role", TEAM, role="viewer")
    assert theirs.get(f"/cases/{case.id}/retry").status_code == 403


def test_removal_asks_first_and_then_signs_out_at_once(scene, kay):
    client, theirs = scene.sign_in(), scene.sign_in(kay)
    page = f"{TEAM}/{kay.id}/remove"
    assert "kay@acme.test" in client.get(page).text
    assert theirs.get("/").status_code == 200
    assert scene.post(client, page, page).status_code == 303
    assert theirs.get("/").location == "/sign-in"
    assert "kay@acme.test" not in re.sub(r'role="status">.*?</p>', "", client.get(TEAM).text)


def test_the_last_owner_is_told_why_not(scene, kay):
    client = scene.sign_in()
    for act, fields in (("leave", {}), (f"{scene.user.id}/role", {"role": "viewer"})):
        answer = scene.post(client, f"{TEAM}/{act}", TEAM, **fields)
        assert answer.status_code == 409
        assert "Make somebody else an owner first" in answer.text
    assert client.get("/").status_code == 200


def test_leave_is_offered_to_whoever_may(scene, kay):
    assert "make somebody else an owner first" in scene.sign_in().get(TEAM).text
    assert f'href="{TEAM}/leave"' in scene.sign_in(kay).get(TEAM).text
    person(scene.services, scene.user.company_id, "grace@acme.test", Role.OWNER)
    assert f'href="{TEAM}/leave"' in scene.sign_in().get(TEAM).text


def test_leaving_signs_out_and_says_so(scene, kay):
    client = scene.sign_in(kay)
    answer = scene.post(client, f"{TEAM}/leave", f"{TEAM}/leave")
    assert answer.location == "/sign-in"
    assert "You left" in client.get("/sign-in").text
    assert client.get("/").status_code == 303
    assert ("leave", f"user:{kay.id}", f"user:{kay.id}") in lines(
        scene.services, scene.user.company_id
    )


def test_an_owner_ends_a_members_sessions(scene, kay):
    theirs = [scene.sign_in(kay), scene.sign_in(kay)]
    answer = scene.post(scene.sign_in(), f"{TEAM}/{kay.id}/sign-out", TEAM)
    assert answer.status_code == 303
    assert [one.get("/").status_code for one in theirs] == [303, 303]
    assert scene.sign_in(kay).get("/").status_code == 200


def test_people_of_another_company_are_not_there(scene):
    rival = another_company(scene.services)
    spy = person(scene.services, rival.id, "spy@rival.test", Role.OWNER)
    invite(scene, scene.sign_in())
    with scene.services.db.read() as session:
        [row] = invitations.pending(session, scene.user.company_id)
    theirs, token = scene.sign_in(spy), {}
    token = {"csrf_token": scene.csrf(theirs, TEAM), "role": "viewer"}
    assert "acme" not in theirs.get(TEAM).text.lower()
    for act in ("role", "remove", "sign-out"):
        assert theirs.post(f"{TEAM}/{scene.user.id}/{act}", data=token).status_code == 404
    assert theirs.get(f"{TEAM}/{scene.user.id}/remove").status_code == 404
    for act in ("again", "link", "withdraw"):
        answer = theirs.post(f"{TEAM}/invitations/{row.id}/{act}", data=token)
        assert answer.status_code == 404
        assert "eve@books.test" not in answer.text
    with scene.services.db.read() as session:
        mine = session.scalar(select(SignIn.id).where(SignIn.user_id == scene.user.id))
    assert theirs.post(f"{SESSIONS}/{mine}/end", data=token).status_code == 404
    assert theirs.post(f"/companies/{scene.user.id}", data=token).status_code == 404


def test_sessions_are_named_by_their_device_and_network(scene):
    client = scene.app.test_client()
    phone = scene.app.test_client()
    client.environ_base.update(HTTP_USER_AGENT=FIREFOX)
    phone.environ_base.update(HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="198.51.100.7")
    scene.sign_in(client=client)
    scene.sign_in(client=phone)
    text = client.get(SESSIONS).text
    assert text.index("Firefox on Linux") < text.index("This session") < text.index("Safari on iPh")
    assert text.count("the network you are on now") == 1
    assert text.count("from another network") == 1
    assert "198.51.100.7" not in text
    with scene.services.db.read() as session:
        kept = [str(vars(row)) for row in session.scalars(select(SignIn))]
    assert kept
    assert not any("198.51.100.7" in one or "127.0.0.1" in one for one in kept)


def test_one_session_is_ended_from_another_and_then_all_others(scene):
    client, phone, tablet = scene.sign_in(), scene.sign_in(), scene.sign_in()
    first = re.search(rf'{SESSIONS}/(\d+)/end"', client.get(SESSIONS).text)[1]
    assert scene.post(client, f"{SESSIONS}/{first}/end", SESSIONS).status_code == 303
    assert sorted([phone.get("/").status_code, tablet.get("/").status_code]) == [200, 303]
    scene.post(client, f"{SESSIONS}/end-others", SESSIONS)
    assert [one.get("/").status_code for one in (phone, tablet, client)] == [303, 303, 200]


def test_a_person_of_two_companies_says_which_and_changes_over(scene):
    rival = another_company(scene.services, "Books & Co")
    elsewhere = person(scene.services, rival.id, scene.user.email, Role.VIEWER)
    case = scene.failed()
    client = scene.app.test_client()
    client.get(f"/cases/{case.id}")
    scene.sign_in(client=client)
    text = client.get("/companies").text
    assert "Books &amp; Co" in text
    assert "Acme Software" in text
    answer = scene.post(client, f"/companies/{scene.user.id}", "/companies")
    assert answer.location == f"/cases/{case.id}"
    assert client.get(f"/cases/{case.id}").status_code == 200
    assert scene.post(client, f"/companies/{elsewhere.id}", "/companies").location == "/"
    assert client.get(f"/cases/{case.id}").status_code == 404
    assert ("switch", f"user:{elsewhere.id}", f"user:{elsewhere.id}") in lines(
        scene.services, rival.id
    )


def test_who_serves_one_company_is_not_asked_which(scene):
    scene.client.get("/")
    assert scene.sign_in(client=scene.client).get("/").status_code == 200


def test_long_and_odd_addresses_stay_text(scene):
    odd = "<b>" + "x" * 60 + "</b>@acme.test"
    person(scene.services, scene.user.company_id, odd, Role.MEMBER)
    assert "<b>" not in scene.sign_in().get(TEAM).text


def test_without_https_or_localhost_the_page_says_why_there_are_no_passkeys(scene):
    text = scene.sign_in().get("/settings/passkeys").text
    assert "only over https" in text
    assert "data-passkey=" not in text
