"""`recover user`: the first owner, the others, and the ways in and out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from team_cast import lines, person

from recover.entrypoints.cli import main, users
from recover.foundation import config
from recover.foundation.clock import system_now
from recover.models import Company, Role, User
from recover.people import users as user_accounts
from recover.people.team import LastOwner


@pytest.fixture
def recover(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator:
    """Run `recover user` with these arguments, in a terminal wide enough for its table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(users.console, "_width", 200)
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    return lambda *arguments: CliRunner().invoke(main.cli, ["user", *arguments], env=environ)


def found(services) -> dict[str, str]:
    with services.db.read() as session:
        return {one.email: one.role for one in session.scalars(select(User))}


def test_the_first_person_of_a_company_is_its_owner_and_the_next_a_member(
    recover, services, company
):
    first, second = recover("add", "Ada@Acme.test"), recover("add", "kay@acme.test")
    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert found(services) == {"ada@acme.test": "owner", "kay@acme.test": "member"}
    for part in ("owner at Acme Software", "/sign-in", "recover user link ada@acme.test"):
        assert part in first.output
    assert [line[:2] for line in lines(services, company.id)] == [("add_user", "command")] * 2


def test_on_an_empty_installation_the_first_owner_brings_the_company(recover, services):
    bare = recover("add", "ada@acme.test")
    assert bare.exit_code == 1
    assert 'Make the first: --company "Your company"' in bare.output
    assert recover("add", "ada@acme.test", "--company", "Acme").exit_code == 0
    with services.db.read() as session:
        assert session.scalars(select(Company.name)).all() == ["Acme"]


def test_a_slip_in_a_companys_name_makes_no_company(recover, services, company):
    slip = recover("add", "ada@acme.test", "--company", "Acme Sotfware")
    assert slip.exit_code == 1
    assert "Acme Software" in slip.output
    assert "--new-company" in slip.output
    assert recover("add", "ada@b.test", "--company", "Books", "--new-company").exit_code == 0
    assert found(services) == {"ada@b.test": "owner"}


def test_the_role_of_who_is_there_changes_only_when_it_is_named(recover, services, company):
    for arguments in (["ada@acme.test"], ["kay@acme.test", "--role", "viewer"], ["kay@acme.test"]):
        assert recover("add", *arguments).exit_code == 0
    assert found(services)["kay@acme.test"] == "viewer"
    assert recover("add", "kay@acme.test", "--role", "owner").exit_code == 0
    assert found(services)["kay@acme.test"] == "owner"
    assert recover("add", "kay@acme.test", "--role", "god").exit_code == 2


def test_people_are_listed_with_their_last_sign_in(recover, services, user, clock):
    assert "never" in recover("list").output
    with services.db.begin() as session:
        session.get_one(User, user.id).signed_in_at = clock.now()
    gone = person(services, user.company_id, "gone@acme.test")
    with services.db.begin() as session:
        session.get_one(User, gone.id).removed_at = clock.now()
    output = recover("list").output
    for part in ("ada@acme.test", "Acme Software", "owner", "2027-03-01 09:00"):
        assert part in output
    assert "gone@acme.test" not in output


def test_an_empty_list_says_what_to_do(recover, services):
    assert "recover user add EMAIL" in recover("list").output


def test_a_person_is_removed_but_not_the_last_owner(recover, services, user):
    person(services, user.company_id, "kay@acme.test", Role.MEMBER)
    assert recover("remove", "Kay@acme.test").exit_code == 0
    assert found(services)["kay@acme.test"] == ""
    last = recover("remove", user.email)
    assert isinstance(last.exception, LastOwner)
    assert found(services)[user.email] == "owner"
    assert recover("remove", "nobody@acme.test").exit_code == 1


def test_of_two_companies_one_has_to_be_named_to_be_removed_from(recover, services, user):
    with services.db.begin() as session:
        other = Company(name="Books", created_at=services.now())
        session.add(other)
    person(services, other.id, user.email)
    person(services, other.id, "rita@books.test", Role.OWNER)
    unnamed = recover("remove", user.email)
    assert (unnamed.exit_code, "Acme Software, Books" in unnamed.output) == (1, True)
    assert recover("remove", user.email, "--company", "Books").exit_code == 0
    with services.db.read() as session:
        assert [one.company_id for one in user_accounts.memberships(session, user.email)] == [
            user.company_id
        ]


def test_a_printed_link_signs_in_once_where_mail_does_not_work(recover, environ, services, user):
    result = recover("link", "ADA@acme.test")
    assert result.exit_code == 0, result.output
    assert "within 15 minutes" in result.stderr
    token = re.search(r"^http://recover.test/sign-in/(\S+)$", result.stdout, re.MULTILINE)[1]
    services = dataclasses.replace(services, now=system_now)  # the command's own clock
    assert user_accounts.user_of(services, user_accounts.sign_in(services, token)).id == user.id
    with pytest.raises(user_accounts.LinkUsed):
        user_accounts.sign_in(services, token)
    assert ("make_link", "command", f"user:{user.id}") in lines(services, user.company_id)


def test_nobody_gets_a_link_without_a_place(recover, services, user):
    result = recover("link", "eve@acme.test")
    assert result.exit_code == 1
    assert "recover user add eve@acme.test" in result.output
