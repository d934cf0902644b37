"""Tokens from the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from recover.entrypoints.cli import api_tokens as commands
from recover.entrypoints.cli import main
from recover.foundation import config
from recover.integrations import api_tokens
from recover.integrations.api_tokens import TokenRefused
from recover.models import ApiToken, Company


@pytest.fixture
def run(environ, services, account, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands.console, "_width", 200)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(commands, "build", lambda _settings: services)
    assert config.load()
    return lambda *words: CliRunner().invoke(main.cli, ["api", *words])


def test_a_token_is_made_listed_and_revoked(run, services, account):
    made = run("token", "Our billing", "--scope", "access:read", "--days", "30")
    assert made.exit_code == 0, made.output
    text = made.stdout.splitlines()[0]
    holder = api_tokens.holder(services, text)
    assert holder.account_ids == (account.id,)
    assert holder.scopes == {"access:read"}
    listed = run("tokens").output
    assert "Our billing" in listed
    assert "active" in listed
    assert text not in listed
    assert "opens nothing any more" in run("revoke", str(holder.token_id)).output
    with pytest.raises(TokenRefused, match="revoked"):
        api_tokens.holder(services, text)
    assert "revoked" in run("tokens").output


def test_what_cannot_be_is_said(run, services):
    assert "There is no token: " in run("tokens").output
    assert "There is no token 999" in run("revoke", "999").output
    assert run("token", "x", "--scope", "everything").exit_code == 2
    foreign = run("token", "x", "--scope", "access:read", "--account", "999")
    assert "no such account" in foreign.output
    with services.db.begin() as session:
        session.add(Company(name="Second", created_at=services.now()))
    several = run("token", "x", "--scope", "access:read")
    assert several.exit_code == 1
    assert "Acme Software, Second" in several.output
    chosen = run("token", "x", "--scope", "access:read", "--company", "Second")
    assert chosen.exit_code == 0
    with services.db.read() as session:
        assert len(session.scalars(select(ApiToken)).all()) == 1
