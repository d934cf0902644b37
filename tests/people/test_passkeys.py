"""Passkeys without a browser: where they can be, and who is told of a new one."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from recover.models import Passkey
from recover.people import passkeys
from recover.people.passkeys import Challenge, NotAccepted


@pytest.mark.parametrize(
    ("base_url", "host", "origin", "possible"),
    [
        ("https://billing.acme.test", "billing.acme.test", "https://billing.acme.test", True),
        ("https://Acme.test:8443/recover", "acme.test", "https://acme.test:8443", True),
        ("http://localhost:8000", "localhost", "http://localhost:8000", True),
        ("http://billing.acme.test", "billing.acme.test", "http://billing.acme.test", False),
        ("https://192.0.2.1", "192.0.2.1", "https://192.0.2.1", False),
        ("https://[2001:db8::1]", "2001:db8::1", "https://[2001:db8::1]", False),
    ],
)
def test_passkeys_are_for_the_host_of_the_base_url(settings, base_url, host, origin, possible):
    site = passkeys.site(dataclasses.replace(settings, base_url=base_url))
    assert (site.host, site.origin, site.possible) == (host, origin, possible)


def test_a_challenge_is_neither_too_old_nor_from_the_future(clock):
    challenge = Challenge("aGVsbG8", clock.now())
    assert challenge.open(clock.now() + timedelta(minutes=5)) == b"hello"
    for late in (timedelta(minutes=5, seconds=1), timedelta(seconds=-1)):
        with pytest.raises(NotAccepted):
            challenge.open(clock.now() + late)


def test_the_options_ask_for_a_verified_user_and_leave_the_known_keys_out(services, user):
    with services.db.begin() as session:
        session.add(
            Passkey(
                email=user.email,
                name="x",
                handle="aGFuZGxl",
                credential_id="a2V5",
                public_key="x",
                created_at=services.now(),
            )
        )
    options, challenge, handle = passkeys.options_to_add(services, user)
    assert options["challenge"] == challenge
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert [key["id"] for key in options["excludeCredentials"]] == ["a2V5"]
    assert (handle, options["user"]["id"]) == ("aGFuZGxl", "aGFuZGxl")
    assert passkeys.options_to_add(services, user)[1] != challenge


def test_who_got_a_passkey_is_told_by_mail(services, user, mailbox):
    key = Passkey(id=1, email=user.email, name="My laptop", credential_id="a2V5")
    assert passkeys.mail_owner(services, key)
    [mail] = mailbox.messages()
    assert mail.to == (user.email,)
    assert "My laptop" in mail.text
    assert "http://recover.test/settings/passkeys" in mail.links


def test_a_mail_that_does_not_go_out_does_not_undo_the_passkey(services, user, mailbox):
    mailbox.fail_next(421)
    key = Passkey(id=1, email=user.email, name="My laptop", credential_id="a2V5")
    assert passkeys.mail_owner(services, key) is False
