"""Passkeys: add one, sign in with one, look after them. Sole importer of webauthn.

The device finds the key by this installation's host and verifies its owner (by fingerprint, face or
PIN) before it signs a challenge. A challenge belongs to one browser's session, is valid for five
minutes, and signs in once.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, generate_user_handle
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from emails import people_mails
from emails.reader_format import one_line
from recover.foundation.config import Settings
from recover.foundation.errors import PermanentError
from recover.models import Passkey, SignInMethod, User
from recover.people import sessions, users
from recover.people.sessions import Current, Visit
from recover.services import Services

CHALLENGE_LIFE: Final = timedelta(minutes=5)
MAX_PASSKEYS, LONGEST_NAME = 20, 60
VERIFIED: Final = UserVerificationRequirement.REQUIRED


class NotAccepted(PermanentError):
    """A passkey was not added, or may not sign in. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Site:
    """This installation as devices know it: its host, and the one origin that may use passkeys."""

    host: str
    origin: str

    @property
    def possible(self) -> bool:
        """Browsers offer passkeys on https or localhost, and only for host names."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return self.origin.startswith("https://") or self.host == "localhost"
        return False


def site(settings: Settings) -> Site:
    parts = urlsplit(settings.base_url)
    return Site(parts.hostname or "", f"{parts.scheme}://{parts.netloc}".lower())


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a device is to sign. ``value`` is base64url; it waits in the browser's session."""

    value: str
    made_at: datetime

    def open(self, now: datetime) -> bytes:
        """Raises NotAccepted where it is too old."""
        if not self.made_at <= now <= self.made_at + CHALLENGE_LIFE:
            raise NotAccepted("That took longer than five minutes. Please try again.")
        return base64url_to_bytes(self.value)


def of_person(session: Session, email: str) -> list[Passkey]:
    return list(session.scalars(select(Passkey).where(Passkey.email == email).order_by(Passkey.id)))


def options_to_add(services: Services, user: User) -> tuple[dict[str, Any], str, str]:
    """What a browser needs to make a passkey, its challenge, and the person's handle."""
    with services.db.read() as session:
        keys = of_person(session, user.email)
    handle = keys[0].handle if keys else bytes_to_base64url(generate_user_handle())
    options = webauthn.generate_registration_options(
        rp_id=site(services.settings).host,
        rp_name=users.PRODUCT,
        user_name=user.email,
        user_id=base64url_to_bytes(handle),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential_id)) for key in keys
        ],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=VERIFIED
        ),
    )
    return _as_json(options), bytes_to_base64url(options.challenge), handle


def options_to_sign_in(services: Services) -> tuple[dict[str, Any], str]:
    """What a browser needs to sign in with any passkey it has here, and the challenge."""
    options = webauthn.generate_authentication_options(
        rp_id=site(services.settings).host, user_verification=VERIFIED
    )
    return _as_json(options), bytes_to_base64url(options.challenge)


def _as_json(options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return found


def add(
    services: Services, here: Current, answer: str, challenge: Challenge, handle: str, name: str
) -> Passkey:
    """Keep the passkey that a browser has made. ``answer`` is its JSON. Raises NotAccepted."""
    if here.sign_in.narrow:
        raise NotAccepted("Sign in by a mailed link first: a passkey opens all your companies.")
    now = services.now()
    made = _registration(services, answer, challenge.open(now))
    user, label = here.user, _label(name) or "Passkey"
    try:
        with services.db.begin() as session:
            if len(of_person(session, user.email)) >= MAX_PASSKEYS:
                raise NotAccepted(
                    f"You have {MAX_PASSKEYS} passkeys. Remove one that you do not use."
                )
            key = Passkey(
                email=user.email,
                name=label,
                handle=handle,
                created_at=now,
                credential_id=bytes_to_base64url(made.credential_id),
                public_key=bytes_to_base64url(made.credential_public_key),
                sign_count=made.sign_count,
                backed_up=made.credential_backed_up,
            )
            session.add(key)
            reason = f"{user.email} added the passkey {label}."
            sessions.note_act(session, user, "add_passkey", reason, now)
    except IntegrityError:
        raise NotAccepted("This passkey is here already.") from None
    return key


def _registration(services: Services, answer: str, challenge: bytes) -> Any:
    where = site(services.settings)
    try:
        return webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=where.host,
            expected_origin=where.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise NotAccepted("The passkey was not made: its answer did not fit. Try again.") from None


def mail_owner(services: Services, key: Passkey) -> bool:
    """Mail a person that a passkey was added: somebody else may have done it."""
    link = f"{services.links.base_url}/settings/passkeys"
    mail = people_mails.passkey_added(users.PRODUCT, name=key.name, link=link)
    return users.try_to_send(services, mail, key.email, f"passkey:{key.id}:{key.credential_id}")


def sign_in(services: Services, answer: str, challenge: Challenge, visit: Visit) -> str:
    """Begin a session for the person whose passkey answered: its token. Raises NotAccepted."""
    now = services.now()
    expected = challenge.open(now)
    key = _stored_passkey(services, answer)
    count = _verified_count(services, answer, expected, key)
    if key.suspect_at or (max(count, key.sign_count) > 0 and count <= key.sign_count):
        _refuse_as_copied(services, key)
    proof = hashlib.sha256(expected).hexdigest()
    try:
        with services.db.begin() as session:
            row = session.get_one(Passkey, key.id, with_for_update=True)
            memberships = users.memberships(session, key.email)
            if not memberships:
                raise NotAccepted("This passkey opens no company any more.")
            row.sign_count, row.used_at = count, now
            users.note_sign_in(session, memberships[0], services, f"with the passkey {key.name}")
            return sessions.begin(
                session, memberships[0], now, visit, way=SignInMethod.PASSKEY, proof=proof
            )
    except IntegrityError:
        raise NotAccepted("This answer was used already. Please try again.") from None


def _stored_passkey(services: Services, answer: str) -> Passkey:
    try:
        credential = webauthn.helpers.parse_authentication_credential_json(answer)
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise NotAccepted("The passkey's answer could not be read. Please try again.") from None
    wanted = bytes_to_base64url(credential.raw_id)
    with services.db.read() as session:
        key = session.scalar(select(Passkey).where(Passkey.credential_id == wanted))
    handle = credential.response.user_handle
    if key is None or handle is None or bytes_to_base64url(handle) != key.handle:
        raise NotAccepted(
            "This passkey is not known here; perhaps it was removed. Sign in by a mailed link."
        )
    return key


def _verified_count(services: Services, answer: str, challenge: bytes, key: Passkey) -> int:
    """The device's signature count, once its signature is verified. Raises NotAccepted.

    The library compares counts before it verifies the signature, so a forger could make a good
    passkey look copied. It is given 0, and `sign_in` compares the counts afterwards.
    """
    where = site(services.settings)
    try:
        verified = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=where.host,
            expected_origin=where.origin,
            credential_public_key=base64url_to_bytes(key.public_key),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise NotAccepted("The passkey's answer did not fit. Please try again.") from None
    return verified.new_sign_count


def _refuse_as_copied(services: Services, key: Passkey) -> None:
    """Refuse a passkey whose count went back, now and from now on; its owner sees why."""
    with services.db.begin() as session:
        row = session.get_one(Passkey, key.id)
        row.suspect_at = row.suspect_at or services.now()
        reason = f"The passkey {key.name} of {key.email} may have been copied: its count went back."
        for user in users.memberships(session, key.email):
            sessions.note_act(
                session, user, "refuse_passkey", reason, services.now(), actor="recover"
            )
    raise NotAccepted(
        "This passkey may have been copied: it counted backwards. Sign in by a mailed link, remove"
        " it in your settings, and add it again."
    )


def rename(services: Services, here: Current, passkey_id: int, name: str) -> Passkey | None:
    """Rename a passkey. None if it is not the person's own."""
    with services.db.begin() as session:
        key = _own_passkey(session, here, passkey_id)
        label = _label(name)
        if key and label and label != key.name:
            reason = f"{key.email} renamed the passkey {key.name} to {label}."
            sessions.note_act(session, here.user, "rename_passkey", reason, services.now())
            key.name = label
    return key


def remove(services: Services, here: Current, passkey_id: int) -> Passkey | None:
    """Delete a passkey; sessions that it began go on. None if it is not the person's own."""
    with services.db.begin() as session:
        key = _own_passkey(session, here, passkey_id)
        if key:
            reason = f"{key.email} removed the passkey {key.name}."
            sessions.note_act(session, here.user, "remove_passkey", reason, services.now())
            session.delete(key)
    return key


def _own_passkey(session: Session, here: Current, passkey_id: int) -> Passkey | None:
    key = session.get(Passkey, passkey_id)
    return key if key and key.email == here.user.email and not here.sign_in.narrow else None


def _label(name: str) -> str:
    return one_line(name)[:LONGEST_NAME]
