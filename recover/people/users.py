"""Who may sign in at a company, and the mailed links they do it by.

The link carries a nonce that is good once. Using it replaces the nonce by the session's own token,
so that nothing mailed is ever a key to a session.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from emails import subscriber_mails
from emails.envelope import Outgoing, message_id
from emails.render import Rendered
from recover.foundation.errors import MailRefused, PermanentError, RecoverError
from recover.foundation.mail_addresses import normal_email, plausible_email
from recover.foundation.signed_links import MAX_AGE, Purpose
from recover.models import Company, Role, SignIn, SignInMethod, User
from recover.people.sessions import Visit, note_act, sign_out, user_of, visit_values
from recover.services import Services

__all__ = ["add_user", "mail_link", "request_link", "sign_in", "sign_out", "user_of"]

log = logging.getLogger(__name__)

PRODUCT = "Recover"
LINKS_PER_USER, LINKS_PER_ORIGIN, CAPS_FOR = 5, 20, timedelta(hours=1)


class LinkUsed(PermanentError):
    """A sign-in link that has let somebody in already, or was called back."""


@dataclass(frozen=True)
class SignInMail:
    """A sign-in link on its way to ``email``."""

    email: str
    nonce: str


def add_user(
    services: Services, company: Company, email: str, role: str = Role.OWNER, actor: str = "command"
) -> User:
    """Let the holder of a mail address sign in. The user that is there already is returned.

    Raises ValueError where ``email`` is no address.
    """
    email = normal_email(email)
    if not plausible_email(email):
        raise ValueError(f"{email!r} is not a mail address")
    with services.db.begin() as session:
        there = membership_at(session, company.id, email)
        return there or add_membership(session, services, company.id, email, role, actor)


def add_membership(
    session: Session, services: Services, company_id: int, email: str, role: str, actor: str = ""
) -> User:
    """A new place at a company, or the one they once had, in the caller's transaction."""
    now = services.now()
    user = session.scalar(select(User).where(User.company_id == company_id, User.email == email))
    if user is None:
        user = User(company_id=company_id, email=email, created_at=now)
        session.add(user)
    user.role, user.removed_at = Role(role), None
    session.flush()
    reason = f"{email} may sign in as {Role(role)}."
    note_act(session, user, "add_user", reason, now, actor=actor, details={"role": role})
    return user


def memberships(session: Session, email: str) -> list[User]:
    """Where a person may sign in; the place they were at last, first."""
    query = select(User).where(User.email == normal_email(email), User.removed_at.is_(None))
    return list(session.scalars(query.order_by(User.signed_in_at.desc().nulls_last(), User.id)))


def membership_at(session: Session, company_id: int, email: str) -> User | None:
    """The place a person has at a company now."""
    query = select(User).where(
        User.company_id == company_id, User.email == normal_email(email), User.removed_at.is_(None)
    )
    return session.scalar(query)


def request_link(services: Services, email: str, origin: str) -> SignInMail | None:
    """A fresh sign-in link for ``email``; None where nobody has that address, or too many links
    were asked for with it or from ``origin`` (a keyed hash) in the last hour.

    Nothing is mailed yet: see `mail_link`. What the asker is told must not depend on the answer.
    """
    with services.db.begin() as session:
        found = memberships(session, email)
        if not found or _capped(session, services, found, origin):
            return None
        return new_link(session, services, found[0], origin)


def new_link(
    session: Session,
    services: Services,
    user: User,
    origin: str = "",
    way: SignInMethod = SignInMethod.MAIL,
) -> SignInMail:
    """A sign-in link without regard to caps, in the caller's transaction."""
    nonce, now = token_urlsafe(24), services.now()
    session.add(SignIn(user_id=user.id, nonce=nonce, origin_hash=origin, created_at=now, way=way))
    return SignInMail(user.email, nonce)


def _capped(session: Session, services: Services, found: list[User], origin: str) -> bool:
    def count(condition: ColumnElement[bool]) -> int:
        recent = SignIn.created_at > services.now() - CAPS_FOR
        return session.scalar(select(func.count(SignIn.id)).where(condition, recent)) or 0

    theirs = SignIn.user_id.in_([user.id for user in found]) & (SignIn.way == SignInMethod.MAIL)
    return (
        count(theirs) >= LINKS_PER_USER or count(SignIn.origin_hash == origin) >= LINKS_PER_ORIGIN
    )


def link(services: Services, wanted: SignInMail) -> str:
    """The address that the mail carries."""
    payload: dict[str, str | int] = {"nonce": wanted.nonce}
    return services.links.url("sign-in", Purpose.SIGN_IN, payload, services.now())


def mail_link(services: Services, wanted: SignInMail) -> bool:
    """Send the link. False where the mail server would not have it; the asker may ask again."""
    minutes = int(MAX_AGE[Purpose.SIGN_IN].total_seconds() // 60)
    letter = subscriber_mails.sign_in_link(PRODUCT, link(services, wanted), minutes)
    return try_to_send(services, letter, wanted.email, f"sign-in:{wanted.nonce}")


def try_to_send(services: Services, letter: Rendered, to: str, about: str) -> bool:
    """As `send`, for mails nobody waits for: False, and a line in the log, where it did not go."""
    try:
        send(services, letter, to, about)
    except RecoverError as error:
        level = logging.INFO if isinstance(error, MailRefused) else logging.ERROR
        log.log(level, "a mail about signing in could not be sent: %s", error)
        return False
    return True


def send(services: Services, letter: Rendered, to: str, about: str) -> None:
    """Mail a letter from the installation itself; ``about`` makes its Message-ID.

    Raises MailRefused, MailUnavailable, DeliveryUncertain.
    """
    outgoing = Outgoing(
        to=to,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        sender=services.settings.mail_from,
        sender_name=PRODUCT,
        message_id=message_id(about, services.settings.mail_domain),
        sent_at=services.now(),
    )
    services.mailer.send(outgoing)


def nonce_of(services: Services, token: str) -> str:
    """The nonce a mailed link carries. Raises LinkExpired, LinkInvalid."""
    return str(services.links.read(Purpose.SIGN_IN, token, services.now()).get("nonce", ""))


def email_of_link(services: Services, token: str) -> str:
    """The address a link would sign in. Changes nothing.

    Raises LinkExpired, LinkInvalid, LinkUsed.
    """
    query = select(User.email).join(SignIn, SignIn.user_id == User.id)
    with services.db.read() as session:
        email = session.scalar(query.where(_usable(nonce_of(services, token))))
    if email is None:
        raise LinkUsed("This sign-in link was used already.")
    return email


def sign_in(services: Services, token: str, visit: Visit | None = None) -> str:
    """Use up a mailed link, once: the new session's token.

    Raises LinkExpired, LinkInvalid, LinkUsed.
    """
    visit = visit or Visit()
    session_token, now = token_urlsafe(24), services.now()
    values = {"used_at": now, "nonce": session_token, **visit_values(now, visit)}
    use = update(SignIn).where(_usable(nonce_of(services, token))).values(**values)
    with services.db.begin() as session:
        user_id = session.scalar(use.returning(SignIn.user_id))
        user = session.get(User, user_id) if user_id else None
        if user is None or user.removed_at:
            raise LinkUsed("This sign-in link was used already.")
        note_sign_in(session, user, services, "by mailed link")
    return session_token


def note_sign_in(session: Session, user: User, services: Services, how: str) -> None:
    """Note that somebody signed in, in the caller's transaction."""
    user.signed_in_at = services.now()
    note_act(session, user, "sign_in", f"{user.email} signed in {how}.", services.now())


def _usable(nonce: str) -> ColumnElement[bool]:
    return (SignIn.nonce == nonce) & SignIn.used_at.is_(None) & SignIn.ended_at.is_(None)
