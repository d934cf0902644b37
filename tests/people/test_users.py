"""Signing in: who gets a link, how often, and what a link and a session are good for."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from sqlalchemy import select

from recover.foundation.errors import LinkExpired, LinkInvalid
from recover.foundation.signed_links import Purpose
from recover.models import Company, Role, SignIn, User
from recover.people import sessions
from recover.people import users as user_accounts
from recover.people.sessions import Visit
from recover.services import Services

pytestmark = pytest.mark.both_databases  # uniqueness, and people who meet

pytest_plugins = ("web_cast",)


def token_for(services: Services, email: str) -> str:
    wanted = user_accounts.request_link(services, email, "here")
    assert wanted is not None
    return services.links.sign(Purpose.SIGN_IN, {"nonce": wanted.nonce}, services.now())


def test_a_user_is_added_once_and_found_whatever_the_case_of_the_address(services, company):
    first = user_accounts.add_user(services, company, " Ada@Acme.test ")
    again = user_accounts.add_user(services, company, "ada@acme.test")
    assert first.id == again.id
    assert first.email == "ada@acme.test"
    assert user_accounts.request_link(services, "ADA@acme.test", "here") is not None


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@acme.test", "a da@acme.test", "a@" + 255 * "b"]
)
def test_what_is_no_address_cannot_be_added(services, company, email):
    with pytest.raises(ValueError, match="not a mail address"):
        user_accounts.add_user(services, company, email)


def test_one_person_may_serve_two_companies(services, company, user):
    with services.db.begin() as session:
        other = Company(name="Other", created_at=services.now())
        session.add(other)
    there = user_accounts.add_user(services, other, user.email, Role.VIEWER)
    assert (there.company_id, there.role) == (other.id, "viewer")
    assert there.id != user.id
    with services.db.read() as session:
        assert {one.id for one in user_accounts.memberships(session, user.email)} == {
            user.id,
            there.id,
        }


def test_of_two_places_the_mailed_link_leads_to_the_one_used_last(services, company, user, clock):
    with services.db.begin() as session:
        other = Company(name="Other", created_at=services.now())
        session.add(other)
    there = user_accounts.add_user(services, other, user.email)
    first = user_accounts.sign_in(services, token_for(services, user.email))
    assert user_accounts.user_of(services, first).id == user.id
    with services.db.begin() as session:
        session.get_one(User, there.id).signed_in_at = clock.advance(minutes=1)
    second = user_accounts.sign_in(services, token_for(services, user.email))
    assert user_accounts.user_of(services, second).id == there.id


def test_nobody_is_asked_for_and_nothing_is_written_for_an_unknown_address(services, user):
    assert user_accounts.request_link(services, "stranger@acme.test", "here") is None
    with services.db.read() as session:
        assert session.scalars(select(SignIn)).all() == []


def test_one_address_is_mailed_at_most_five_links_an_hour(services, user, clock):
    asked = [user_accounts.request_link(services, user.email, f"origin {n}") for n in range(6)]
    assert [bool(one) for one in asked] == [True] * 5 + [False]
    clock.advance(hours=1, seconds=1)
    assert user_accounts.request_link(services, user.email, "origin")


def test_one_origin_may_ask_for_twenty_links_an_hour_over_all_addresses(services, company):
    users = [user_accounts.add_user(services, company, f"user{n}@acme.test") for n in range(21)]
    asked = [user_accounts.request_link(services, one.email, "same network") for one in users]
    assert [bool(one) for one in asked] == [True] * 20 + [False]


def test_the_mail_carries_a_link_that_signs_in(services, user, mailbox):
    wanted = user_accounts.request_link(services, user.email, "here")
    assert user_accounts.mail_link(services, wanted)
    (received,) = mailbox.messages()
    assert received.to == ("ada@acme.test",)
    link = next(one for one in received.links if "/sign-in/" in one)
    session_token = user_accounts.sign_in(services, link.rpartition("/")[2])
    assert user_accounts.user_of(services, session_token).email == user.email


def test_a_mail_server_that_is_away_is_reported_and_raises_nothing(services, user):
    wanted = user_accounts.request_link(services, user.email, "here")
    assert user_accounts.mail_link(services, wanted) is False


def test_a_link_signs_in_once(services, user):
    token = token_for(services, user.email)
    user_accounts.sign_in(services, token)
    with pytest.raises(user_accounts.LinkUsed):
        user_accounts.sign_in(services, token)


def test_of_many_who_use_one_link_at_once_only_one_gets_in(services, user):
    token = token_for(services, user.email)
    sessions, refused = [], []

    def use() -> None:
        try:
            sessions.append(user_accounts.sign_in(services, token))
        except user_accounts.LinkUsed as error:
            refused.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(sessions), len(refused)) == (1, 7)


def test_a_link_is_good_for_fifteen_minutes(services, user, clock):
    token = token_for(services, user.email)
    clock.advance(minutes=15, seconds=1)
    with pytest.raises(LinkExpired):
        user_accounts.sign_in(services, token)


def test_a_link_for_another_purpose_signs_nobody_in(services, user):
    wanted = user_accounts.request_link(services, user.email, "here")
    other = services.links.sign(Purpose.CARD_PAGE, {"nonce": wanted.nonce}, services.now())
    with pytest.raises(LinkInvalid):
        user_accounts.sign_in(services, other)


def test_the_mailed_nonce_is_no_session_and_the_session_no_nonce(services, user):
    wanted = user_accounts.request_link(services, user.email, "here")
    assert user_accounts.user_of(services, wanted.nonce) is None
    token = services.links.sign(Purpose.SIGN_IN, {"nonce": wanted.nonce}, services.now())
    session_token = user_accounts.sign_in(services, token)
    assert session_token != wanted.nonce
    assert user_accounts.user_of(services, wanted.nonce) is None


def test_signing_out_ends_the_session_and_no_other(services, user):
    one = user_accounts.sign_in(services, token_for(services, user.email))
    other = user_accounts.sign_in(services, token_for(services, user.email))
    user_accounts.sign_out(services, one)
    assert user_accounts.user_of(services, one) is None
    assert user_accounts.user_of(services, other).id == user.id


def test_a_session_ends_by_itself_after_thirty_days(services, user, clock):
    session_token = user_accounts.sign_in(services, token_for(services, user.email))
    for _ in range(29):
        clock.advance(days=1)
        here = sessions.current(services, session_token)
        sessions.touch(services, here.sign_in, Visit())
    clock.advance(days=1, seconds=1)
    assert user_accounts.user_of(services, session_token) is None


def test_a_session_that_is_not_used_ends_after_a_fortnight(services, user, clock):
    session_token = user_accounts.sign_in(services, token_for(services, user.email))
    clock.advance(days=13, hours=23)
    assert user_accounts.user_of(services, session_token) is not None
    clock.advance(hours=1, seconds=1)
    assert user_accounts.user_of(services, session_token) is None


def test_the_lives_of_sessions_are_settings(services, user, clock):
    short = dataclasses.replace(services.settings, session_days=1, session_idle_days=1)
    services = dataclasses.replace(services, settings=short)
    session_token = user_accounts.sign_in(services, token_for(services, user.email))
    clock.advance(days=1, seconds=1)
    assert user_accounts.user_of(services, session_token) is None


def test_no_token_is_nobody(services, user):
    user_accounts.request_link(services, user.email, "here")
    assert user_accounts.user_of(services, "") is None


def test_the_user_remembers_the_last_sign_in(services, user):
    user_accounts.sign_in(services, token_for(services, user.email))
    with services.db.read() as session:
        assert session.get_one(User, user.id).signed_in_at == services.now()


def test_what_was_not_asked_for_by_mail_uses_up_no_links(services, user):
    with services.db.begin() as session:
        for _ in range(6):
            sessions.begin(session, user, services.now(), Visit(), way="passkey")
            user_accounts.new_link(session, services, user, way="command")
    assert user_accounts.request_link(services, user.email, "here") is not None
