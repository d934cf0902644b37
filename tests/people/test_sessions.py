"""Sessions: what is written about them, who sees them, and how they end."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from team_cast import another_company, lines, person

from recover.foundation.keyed_hash import HashPurpose, network_hash
from recover.models import SignIn
from recover.people import sessions, users
from recover.people.sessions import Visit

pytestmark = pytest.mark.both_databases  # uniqueness, and browsers that meet

HOME, CAFE = "192.0.2.1", "198.51.100.7"


def begin(services, user, device="Firefox", **options):
    with services.db.begin() as session:
        token = sessions.begin(
            session, user, services.now(), Visit(device, "home"), way="mail", **options
        )
    return sessions.current(services, token)


def row(services, here) -> SignIn:
    with services.db.read() as session:
        return session.get_one(SignIn, here.sign_in.id)


def test_the_last_sight_is_written_every_ten_minutes_and_not_more_often(services, user, clock):
    here = begin(services, user)
    began = clock.now()
    for minutes, seen in ((9, 0), (1, 10), (9, 10), (1, 20)):
        clock.advance(minutes=minutes)
        sessions.touch(services, row(services, here), Visit("Firefox", "home"))
        assert (row(services, here).last_seen_at - began).total_seconds() == seen * 60


def test_no_network_address_is_kept_in_clear(services, user):
    hashes = [
        network_hash(services.settings, HashPurpose.SESSION_NETWORK, address)
        for address in (HOME, CAFE, HOME)
    ]
    assert hashes[0] == hashes[2] != hashes[1]
    assert HOME not in hashes[0]


def test_a_device_with_a_long_story_is_cut(services, user):
    assert len(row(services, begin(services, user, device="x" * 4000)).device) == 255


def test_ones_own_sessions_are_listed_this_one_first_then_the_latest_seen(services, user, clock):
    ids = []
    for _ in range(3):
        ids.append(begin(services, user))
        clock.advance(minutes=1)
    person(services, user.company_id, "kay@acme.test")
    listed = [one.id for one, _ in sessions.own_sessions(services, ids[0])]
    assert listed == [ids[0].sign_in.id, ids[2].sign_in.id, ids[1].sign_in.id]


def test_one_session_is_ended_and_the_others_go_on(services, user):
    here, other, third = (begin(services, user) for _ in range(3))
    assert sessions.end(services, here, other.sign_in.id) == 1
    assert users.user_of(services, other.sign_in.nonce) is None
    assert users.user_of(services, third.sign_in.nonce) is not None
    assert sessions.end(services, here, other.sign_in.id) == 0
    assert [line[0] for line in lines(services, user.company_id)] == ["end_sessions"]


def test_all_others_are_ended_and_this_one_goes_on(services, user):
    here, *others = (begin(services, user) for _ in range(4))
    assert sessions.end(services, here, None) == 3
    assert [users.user_of(services, one.sign_in.nonce) for one in others] == [None] * 3
    assert users.user_of(services, here.sign_in.nonce) is not None


def test_nobody_ends_somebody_elses_session(services, user):
    here = begin(services, user)
    kay = begin(services, person(services, user.company_id, "kay@acme.test"))
    assert sessions.end(services, here, kay.sign_in.id) == 0
    assert sessions.end(services, here, None) == 0
    assert users.user_of(services, kay.sign_in.nonce) is not None


def test_a_session_sees_those_at_the_persons_other_companies(services, user):
    elsewhere = person(services, another_company(services).id, user.email)
    here, there = begin(services, user), begin(services, elsewhere)
    assert {one.id for one, _ in sessions.own_sessions(services, here)} == {
        here.sign_in.id,
        there.sign_in.id,
    }
    assert sessions.switch_company(services, here, elsewhere.id).id == elsewhere.id
    assert users.user_of(services, here.sign_in.nonce).company_id == elsewhere.company_id


def test_a_session_of_an_unproven_address_stays_at_its_company(services, user):
    """Whoever made an invitation can use it; that must open no other company of that person."""
    elsewhere = person(services, another_company(services).id, user.email)
    theirs = begin(services, elsewhere)
    full = begin(services, user)
    here = begin(services, user, narrow=True)
    assert [one.id for one, _ in sessions.switch_targets(services, here)] == [user.id]
    assert sessions.switch_company(services, here, elsewhere.id) is None
    assert [one.id for one, _ in sessions.own_sessions(services, here)] == [here.sign_in.id]
    for one in (theirs, full):
        assert sessions.end(services, here, one.sign_in.id) == 0
    assert users.user_of(services, theirs.sign_in.nonce) is not None


@pytest.mark.parametrize("which", ["stranger", "removed"])
def test_a_session_is_turned_only_to_the_persons_own_places(services, user, which):
    rival = another_company(services)
    target = person(services, rival.id, user.email if which == "removed" else "eve@rival.test")
    if which == "removed":
        with services.db.begin() as session:
            session.merge(target).removed_at = services.now()
    here = begin(services, user)
    assert sessions.switch_company(services, here, target.id) is None
    assert users.user_of(services, here.sign_in.nonce).id == user.id


def test_signing_in_and_out_is_on_record_once(services, user):
    wanted = users.request_link(services, user.email, "here")
    token = users.sign_in(services, users.link_url(services, wanted).rpartition("/")[2])
    for _ in range(2):
        users.sign_out(services, token)
    who = f"user:{user.id}"
    assert lines(services, user.company_id) == [("sign_in", who, who), ("sign_out", who, who)]
    with services.db.read() as session:
        assert session.scalar(select(SignIn.ended_at)) is not None
