"""Invitations: made once, mailed, taken once, called back."""

from __future__ import annotations

import threading

import pytest
from team_cast import another_company, lines, person, there

from recover.foundation.errors import LinkExpired, LinkInvalid
from recover.foundation.signed_links import Purpose
from recover.models import Role, User
from recover.people import invitations, sessions, team, users
from recover.people.invitations import InvitationOver, NoInvitation, NotInvited
from recover.people.sessions import Visit

pytestmark = pytest.mark.both_databases  # uniqueness, and people who meet

EVE = "eve@books.test"


def token_in(mail) -> str:
    return next(one for one in mail.links if "/invitation/" in one).rpartition("/")[2]


def invited(services, user, mailbox, email=EVE, role=Role.MEMBER):
    row = invitations.invite(services, user, email, role)
    return row, token_in(mailbox.messages()[-1])


def test_an_invitation_is_mailed_and_taken_by_whoever_it_reaches(services, user, mailbox):
    row, token = invited(services, user, mailbox, " Eve@Books.test ", Role.VIEWER)
    assert mailbox.messages()[0].to == (EVE,)
    assert (row.mails, row.mail_trouble) == (1, "")
    here = sessions.current(services, invitations.accept(services, token, Visit("Firefox")))
    assert (here.user.email, here.user.role, here.user.company_id) == (
        EVE,
        "viewer",
        user.company_id,
    )
    assert here.sign_in.narrow is False
    verbs = [line[0] for line in lines(services, user.company_id)]
    assert verbs == ["invite", "add_user", "sign_in"]


def test_looking_at_an_invitation_changes_nothing(services, user, mailbox):
    _, token = invited(services, user, mailbox)
    for _ in range(3):
        assert invitations.find(services, token).invitation.email == EVE
    assert invitations.accept(services, token, Visit())


def test_an_invitation_is_taken_once_even_by_many_at_once(services, user, mailbox):
    _, token = invited(services, user, mailbox)
    taken, refused = [], []

    def take() -> None:
        try:
            taken.append(invitations.accept(services, token, Visit()))
        except InvitationOver as error:
            refused.append(error)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 5)


def test_an_invitation_is_good_for_a_week_and_for_another_when_sent_again(
    services, user, mailbox, clock
):
    row, token = invited(services, user, mailbox)
    clock.advance(days=7, seconds=1)
    with pytest.raises(LinkExpired):
        invitations.accept(services, token, Visit())
    invitations.resend(services, user, row.id)
    assert invitations.accept(services, token_in(mailbox.messages()[-1]), Visit())


def test_neither_link_of_a_withdrawn_invitation_works(services, user, mailbox):
    row, token = invited(services, user, mailbox)
    _, url = invitations.link_to_copy(services, user, row.id)
    invitations.withdraw(services, user, row.id)
    for one in (token, url.rpartition("/")[2]):
        with pytest.raises(InvitationOver, match="withdrawn"):
            invitations.accept(services, one, Visit())
    assert invitations.invite(services, user, EVE, Role.MEMBER).withdrawn_at is None


def test_a_link_of_another_kind_is_no_invitation(services, user):
    token = services.links.sign(Purpose.SIGN_IN, {"nonce": "x"}, services.now())
    with pytest.raises(LinkInvalid):
        invitations.find(services, token)


def test_who_is_on_the_team_or_invited_already_is_said_so(services, user, mailbox):
    with pytest.raises(NotInvited, match="on the team already, as owner"):
        invitations.invite(services, user, user.email.upper(), Role.VIEWER)
    invited(services, user, mailbox)
    with pytest.raises(NotInvited, match="invited already"):
        invitations.invite(services, user, EVE, Role.VIEWER)
    with pytest.raises(NotInvited, match="does not look like"):
        invitations.invite(services, user, "eve", Role.VIEWER)
    assert len(mailbox.messages()) == 1


def test_inviting_says_nothing_of_other_companies(services, user, mailbox):
    person(services, another_company(services).id, EVE)
    row, _ = invited(services, user, mailbox)
    assert row.mail_trouble == ""


@pytest.mark.parametrize("code", [421, 550])
def test_a_mail_server_that_will_not_have_it_is_named_and_the_link_is_the_way_round(
    services, user, mailbox, code
):
    mailbox.fail_next(code)
    row = invitations.invite(services, user, EVE, Role.MEMBER)
    assert str(code) in row.mail_trouble
    _, url = invitations.link_to_copy(services, user, row.id)
    assert users.user_of(services, invitations.accept(services, url.rpartition("/")[2], Visit()))


def test_a_connection_that_broke_is_not_called_a_success(services, user, mailbox):
    mailbox.hang_up_next()
    assert "may have arrived" in invitations.invite(services, user, EVE, Role.MEMBER).mail_trouble


def test_a_copied_link_proves_no_address_and_opens_this_company_alone(services, user):
    elsewhere = person(services, another_company(services).id, EVE)
    row = invitations.invite(services, user, EVE, Role.MEMBER)
    _, url = invitations.link_to_copy(services, user, row.id)
    here = sessions.current(services, invitations.accept(services, url.rpartition("/")[2], Visit()))
    assert here.sign_in.narrow
    assert sessions.switch_company(services, here, elsewhere.id) is None


def test_the_copied_link_is_not_the_mailed_one(services, user, mailbox):
    row, token = invited(services, user, mailbox)
    _, url = invitations.link_to_copy(services, user, row.id)
    assert row.mailed_nonce not in url
    assert invitations.find(services, token).proves_address
    assert not invitations.find(services, url.rpartition("/")[2]).proves_address


def test_who_proved_the_address_in_this_browser_need_not_prove_it_again(services, user):
    elsewhere = person(services, another_company(services).id, EVE)
    with services.db.begin() as session:
        token = sessions.begin(session, elsewhere, services.now(), Visit(), way="mail")
    row = invitations.invite(services, user, EVE, Role.MEMBER)
    _, url = invitations.link_to_copy(services, user, row.id)
    holder = sessions.current(services, token)
    fresh = invitations.accept(services, url.rpartition("/")[2], Visit(), holder)
    assert sessions.current(services, fresh).sign_in.narrow is False


def test_an_invitation_does_not_change_the_role_of_who_was_added_meanwhile(
    services, company, user, mailbox
):
    _, token = invited(services, user, mailbox, role=Role.VIEWER)
    eve = users.add_user(services, company, EVE, Role.OWNER)
    invitations.accept(services, token, Visit())
    assert there(services, eve).role == "owner"


@pytest.mark.parametrize("fall", ["demoted", "removed"])
def test_an_owner_who_is_none_any_more_leaves_no_door_open(services, user, mailbox, fall):
    grace = person(services, user.company_id, "grace@acme.test", Role.OWNER)
    _, token = invited(services, grace, mailbox, role=Role.OWNER)
    if fall == "demoted":
        team.change_role(services, user.company_id, grace.id, Role.MEMBER)
    else:
        team.remove(services, user.company_id, grace.id)
    with pytest.raises(InvitationOver):
        invitations.accept(services, token, Visit())


def test_another_companys_invitations_are_out_of_reach(services, user, mailbox):
    row, _ = invited(services, user, mailbox)
    spy = person(services, another_company(services).id, "spy@rival.test", Role.OWNER)
    for act in (invitations.resend, invitations.withdraw, invitations.link_to_copy):
        with pytest.raises(NoInvitation):
            act(services, spy, row.id)
    with services.db.read() as session:
        assert invitations.pending(session, spy.company_id) == []


def test_an_address_is_not_bombed_even_by_several_companies(services, user, mailbox, clock):
    owners = [user] + [
        person(services, another_company(services, f"C{n}").id, f"o{n}@c.test", Role.OWNER)
        for n in range(5)
    ]
    for owner in owners[:5]:
        invitations.invite(services, owner, EVE, Role.MEMBER)
    with pytest.raises(NotInvited, match="invited often today"):
        invitations.invite(services, owners[5], EVE, Role.MEMBER)
    clock.advance(days=1, seconds=1)
    assert invitations.invite(services, owners[5], EVE, Role.MEMBER)


def test_one_invitation_is_mailed_five_times_at_most(services, user, mailbox):
    row, _ = invited(services, user, mailbox)
    for _ in range(4):
        invitations.resend(services, user, row.id)
    with pytest.raises(NotInvited, match="Copy the link"):
        invitations.resend(services, user, row.id)
    assert len(mailbox.messages()) == 5


def test_a_company_invites_thirty_people_a_day_at_most(services, user, mailbox):
    for n in range(30):
        invitations.invite(services, user, f"p{n}@books.test", Role.MEMBER)
    with pytest.raises(NotInvited, match="30 people today"):
        invitations.invite(services, user, EVE, Role.MEMBER)
    with services.db.read() as session:
        assert session.query(User).count() == 1
