"""A company's people: roles, removal, and the owner there always is."""

from __future__ import annotations

import threading

import pytest
from team_cast import another_company, lines, person, there

from recover.models import Passkey, Role
from recover.people import sessions, team, users
from recover.people.sessions import Visit
from recover.people.team import LastOwner, NoSuchMember


@pytest.fixture
def grace(services, company):
    return person(services, company.id, "grace@acme.test", Role.OWNER)


def session_of(services, user, **options) -> str:
    with services.db.begin() as session:
        return sessions.begin(session, user, services.now(), Visit(), way="mail", **options)


def test_a_role_is_changed_and_on_record(services, company, user, grace):
    team.change_role(services, company.id, grace.id, Role.VIEWER, f"user:{user.id}")
    assert there(services, grace).role == "viewer"
    assert lines(services, company.id) == [("change_role", f"user:{user.id}", f"user:{grace.id}")]


def test_the_role_somebody_has_already_leaves_no_line(services, company, user, grace):
    team.change_role(services, company.id, grace.id, Role.OWNER)
    assert lines(services, company.id) == []


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_the_last_owner_cannot_be_demoted(services, company, user, role):
    person(services, company.id, "kay@acme.test", Role.MEMBER)
    with pytest.raises(LastOwner, match="only owner"):
        team.change_role(services, company.id, user.id, role)
    assert there(services, user).role == "owner"


def test_the_last_owner_cannot_leave_and_an_owner_who_left_does_not_count(
    services, company, user, grace
):
    team.remove(services, company.id, grace.id)
    with pytest.raises(LastOwner):
        team.remove(services, company.id, user.id, f"user:{user.id}")
    assert there(services, user).removed_at is None


def test_of_two_owners_who_remove_each_other_at_once_one_stays(services, company, user, grace):
    refused = []

    def take_away(which) -> None:
        try:
            team.remove(services, company.id, which.id)
        except LastOwner as error:
            refused.append(error)

    threads = [threading.Thread(target=take_away, args=(one,)) for one in (user, grace)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with services.db.read() as session:
        assert team.owner_count(session, company.id) == 1
    assert len(refused) == 1


def test_who_is_removed_is_signed_out_at_once_and_gets_no_more_links(
    services, company, user, grace
):
    token = session_of(services, grace)
    assert users.user_of(services, token) is not None
    waiting = users.request_link(services, grace.email, "here")
    team.remove(services, company.id, grace.id, f"user:{user.id}")
    assert users.user_of(services, token) is None
    assert users.request_link(services, grace.email, "here") is None
    link = users.link_url(services, waiting).rpartition("/")[2]
    with pytest.raises(users.LinkUsed):
        users.sign_in(services, link)
    assert lines(services, company.id)[-1][:2] == ("remove_user", f"user:{user.id}")


def test_who_comes_back_is_the_same_person_to_the_record_with_a_new_role(services, company, grace):
    person(services, company.id, "kay@acme.test", Role.OWNER)
    team.remove(services, company.id, grace.id)
    again = users.add_user(services, company, grace.email, Role.VIEWER)
    assert (again.id, again.role, again.removed_at) == (grace.id, "viewer", None)


def test_sessions_from_before_a_removal_stay_ended_for_who_comes_back(
    services, company, user, grace, clock
):
    token = session_of(services, grace)
    team.remove(services, company.id, grace.id)
    clock.advance(minutes=1)
    users.add_user(services, company, grace.email)
    assert users.user_of(services, token) is None


def test_another_companys_people_are_out_of_reach(services, company, user, grace):
    rival = another_company(services)
    with pytest.raises(NoSuchMember):
        team.change_role(services, rival.id, grace.id, Role.VIEWER)
    with pytest.raises(NoSuchMember):
        team.remove(services, rival.id, grace.id)
    with pytest.raises(NoSuchMember):
        team.end_sessions(services, rival.id, grace.id, "command")
    assert there(services, grace).removed_at is None


def test_leaving_one_company_leaves_the_other_alone(services, company, user, grace):
    rival = another_company(services)
    elsewhere = person(services, rival.id, grace.email)
    here, over_there = session_of(services, grace), session_of(services, elsewhere)
    team.remove(services, company.id, grace.id)
    assert users.user_of(services, here) is None
    assert users.user_of(services, over_there).id == elsewhere.id


def test_a_session_that_was_ended_here_cannot_come_back_by_way_of_another_company(
    services, company, user, grace, clock
):
    rival = another_company(services)
    elsewhere = person(services, rival.id, grace.email)
    token = session_of(services, elsewhere)
    clock.advance(minutes=1)
    team.end_sessions(services, company.id, grace.id, f"user:{user.id}")
    here = sessions.current(services, token)
    assert [one.id for one, _ in sessions.switch_targets(services, here)] == [elsewhere.id]
    assert sessions.switch_company(services, here, grace.id) is None
    fresh = sessions.current(services, session_of(services, elsewhere))
    assert sessions.switch_company(services, fresh, grace.id).id == grace.id


def test_passkeys_go_with_the_last_place_and_not_before(services, company, user, grace):
    rival = another_company(services)
    elsewhere = person(services, rival.id, grace.email, Role.OWNER)
    person(services, rival.id, "rita@rival.test", Role.OWNER)
    with services.db.begin() as session:
        key = Passkey(
            email=grace.email,
            name="x",
            credential_id="x",
            public_key="x",
            created_at=services.now(),
        )
        session.add(key)
    for place, left in ((grace, True), (elsewhere, False)):
        team.remove(services, place.company_id, place.id)
        with services.db.read() as session:
            assert (session.get(Passkey, key.id) is not None) is left
