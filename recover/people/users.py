"""Who may sign in at a company, and the links that are mailed to them for it.

A link carries a nonce that may be used once. Using it replaces the nonce by the session's token, so
nothing that was mailed opens a session later.
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
LINKS_PER_USER, LINKS_PER_ORIGIN, CAPS_WINDOW = 5, 20, timedelta(hours=1)


class LinkUsed(PermanentError):
    """A sign-in link that was used already, or was ended."""


@dataclass(frozen=True)
class SignInMail:
    """A sign-in link to be mailed to ``email``."""

    email: str
    nonce: str


def add_user(
    services: Services, company: Company, email: str, role: str = Role.OWNER, actor: str = "command"
) -> User:
    """Make the holder of a mail address a member of a company. An existing member is returned.

    Raises ValueError if ``email`` is no mail address.
    """
    email = normal_email(email)
    if not plausible_email(email):
        raise ValueError(f"{email!r} is not a mail address")
    with services.db.begin() as session:
        member = membership_at(session, company.id, email)
        return member or add_membership(session, services, company.id, email, role, actor)


def add_membership(
    session: Session, services: Services, company_id: int, email: str, role: str, actor: str = ""
) -> User:
    """Make somebody a member of a company, perhaps again, in the caller's transaction."""
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
    """A person's memberships, one for each company; first where they last signed in."""
    query = select(User).where(User.email == normal_email(email), User.removed_at.is_(None))
    return list(session.scalars(query.order_by(User.signed_in_at.desc().nulls_last(), User.id)))


def membership_at(session: Session, company_id: int, email: str) -> User | None:
    """A person's membership of a company; None if they have none now."""
    query = select(User).where(
        User.company_id == company_id, User.email == normal_email(email), User.removed_at.is_(None)
    )
    return session.scalar(query)


def request_link(services: Services, email: str, origin: str) -> SignInMail | None:
    """Make a sign-in link for ``email``; None if nobody has that address, or if too many links
    were requested for it or from ``origin`` (a keyed hash) in the last hour.

    Nothing is mailed yet: see `mail_link`. The page must look the same whatever this returns.
    """
    with services.db.begin() as session:
        members = memberships(session, email)
        if not members or _too_many_links(session, services, members, origin):
            return None
        return new_link(session, services, members[0], origin)


def new_link(
    session: Session,
    services: Services,
    user: User,
    origin: str = "",
    way: SignInMethod = SignInMethod.MAIL,
) -> SignInMail:
    """Make a sign-in link without regard to caps, in the caller's transaction."""
    nonce, now = token_urlsafe(24), services.now()
    session.add(SignIn(user_id=user.id, nonce=nonce, origin_hash=origin, created_at=now, way=way))
    return SignInMail(user.email, nonce)


def _too_many_links(session: Session, services: Services, members: list[User], origin: str) -> bool:
    def count(condition: ColumnElement[bool]) -> int:
        recent = SignIn.created_at > services.now() - CAPS_WINDOW
        return session.scalar(select(func.count(SignIn.id)).where(condition, recent)) or 0

    of_person = SignIn.user_id.in_([user.id for user in members]) & (
        SignIn.way == SignInMethod.MAIL
    )
    return (
        count(of_person) >= LINKS_PER_USER
        or count(SignIn.origin_hash == origin) >= LINKS_PER_ORIGIN
    )


def link_url(services: Services, sign_in_mail: SignInMail) -> str:
    """The URL in the mail."""
    payload: dict[str, str | int] = {"nonce": sign_in_mail.nonce}
    return services.links.url("sign-in", Purpose.SIGN_IN, payload, services.now())


def mail_link(services: Services, sign_in_mail: SignInMail) -> bool:
    """Mail the link. False if the mail server refused it or could not be reached."""
    minutes = int(MAX_AGE[Purpose.SIGN_IN].total_seconds() // 60)
    mail = subscriber_mails.sign_in_link(PRODUCT, link_url(services, sign_in_mail), minutes)
    return try_to_send(services, mail, sign_in_mail.email, f"sign-in:{sign_in_mail.nonce}")


def try_to_send(services: Services, mail: Rendered, to: str, about: str) -> bool:
    """As `send`, but errors are logged and returned as False."""
    try:
        send(services, mail, to, about)
    except RecoverError as error:
        level = logging.INFO if isinstance(error, MailRefused) else logging.ERROR
        log.log(level, "a mail about signing in could not be sent: %s", error)
        return False
    return True


def send(services: Services, mail: Rendered, to: str, about: str) -> None:
    """Send a mail from the installation's own address; ``about`` makes its Message-ID.

    Raises MailRefused, MailUnavailable, DeliveryUncertain.
    """
    outgoing = Outgoing(
        to=to,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
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
    """The mail address that a link would sign in. Changes nothing.

    Raises LinkExpired, LinkInvalid, LinkUsed.
    """
    query = select(User.email).join(SignIn, SignIn.user_id == User.id)
    with services.db.read() as session:
        email = session.scalar(query.where(_is_usable(nonce_of(services, token))))
    if email is None:
        raise LinkUsed("This sign-in link was used already.")
    return email


def sign_in(services: Services, token: str, visit: Visit | None = None) -> str:
    """Use a mailed link, once. Returns the new session's token.

    Raises LinkExpired, LinkInvalid, LinkUsed.
    """
    visit = visit or Visit()
    session_token, now = token_urlsafe(24), services.now()
    values = {"used_at": now, "nonce": session_token, **visit_values(now, visit)}
    use = update(SignIn).where(_is_usable(nonce_of(services, token))).values(**values)
    with services.db.begin() as session:
        user_id = session.scalar(use.returning(SignIn.user_id))
        user = session.get(User, user_id) if user_id else None
        if user is None or user.removed_at:
            raise LinkUsed("This sign-in link was used already.")
        note_sign_in(session, user, services, "by mailed link")
    return session_token


def note_sign_in(session: Session, user: User, services: Services, how: str) -> None:
    """Store and log that somebody signed in, in the caller's transaction."""
    user.signed_in_at = services.now()
    note_act(session, user, "sign_in", f"{user.email} signed in {how}.", services.now())


def _is_usable(nonce: str) -> ColumnElement[bool]:
    return (SignIn.nonce == nonce) & SignIn.used_at.is_(None) & SignIn.ended_at.is_(None)
