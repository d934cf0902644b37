"""Who may sign in at a company, and the sessions they hold.

Signing in is by mailed link: the link carries a nonce that is good once. Using it replaces the
nonce by the session's own token, so that nothing mailed is ever a key to a session, and a session
ends for good when its token is replaced again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from emails import mails
from emails.envelope import Outgoing, message_id
from recover.errors import MailRefused, PermanentError, RecoverError
from recover.links import MAX_AGE, Purpose
from recover.models import Company, SignIn, User
from recover.services import Services

log = logging.getLogger(__name__)

PRODUCT = "Recover"
SESSION_LIFE = timedelta(days=30)
LINKS_PER_USER, LINKS_PER_ORIGIN, CAPS_FOR = 5, 20, timedelta(hours=1)


class LinkUsed(PermanentError):
    """A sign-in link that has let somebody in already."""


@dataclass(frozen=True)
class SignInMail:
    """A sign-in link on its way to ``email``."""

    email: str
    nonce: str


def add_user(services: Services, company: Company, email: str) -> User:
    """Let the holder of a mail address sign in. The user that is there already is returned.

    Raises ValueError where ``email`` is no address, or belongs to a user of another company.
    """
    email = normal(email)
    if not plausible(email):
        raise ValueError(f"{email!r} is not a mail address")
    with services.db.begin() as session:
        user = session.scalar(select(User).where(User.email == email))
        if user is None:
            user = User(company_id=company.id, email=email, created_at=services.now())
            session.add(user)
        if user.company_id != company.id:
            raise ValueError(f"{email} signs in at another company already")
    return user


def normal(email: str) -> str:
    """Addresses are compared without regard to case: nobody means two people by it."""
    return email.strip().lower()


def plausible(email: str) -> bool:
    local, _, domain = email.rpartition("@")
    return bool(local and domain) and len(email) <= 255 and not any(c.isspace() for c in email)  # noqa: PLR2004 - the column's width


def ask(services: Services, email: str, origin: str) -> SignInMail | None:
    """A fresh sign-in link for ``email``; None where nobody has that address, or too many links
    were asked for with it or from ``origin`` (a keyed hash) in the last hour.

    Nothing is mailed yet: see `mail`. What the asker is told must not depend on the answer.
    """
    with services.db.begin() as session:
        user = session.scalar(select(User).where(User.email == normal(email)))
        if user is None or _capped(session, services, user, origin):
            return None
        nonce = token_urlsafe(24)
        session.add(
            SignIn(user_id=user.id, nonce=nonce, origin_hash=origin, created_at=services.now())
        )
    return SignInMail(user.email, nonce)


def _capped(session: Session, services: Services, user: User, origin: str) -> bool:
    def count(condition: ColumnElement[bool]) -> int:
        recent = SignIn.created_at > services.now() - CAPS_FOR
        return session.scalar(select(func.count(SignIn.id)).where(condition, recent)) or 0

    return (
        count(SignIn.user_id == user.id) >= LINKS_PER_USER
        or count(SignIn.origin_hash == origin) >= LINKS_PER_ORIGIN
    )


def mail(services: Services, wanted: SignInMail) -> bool:
    """Send the link. False where the mail server would not have it; the asker may ask again."""
    now = services.now()
    link = services.links.url("sign-in", Purpose.SIGN_IN, {"nonce": wanted.nonce}, now)
    minutes = int(MAX_AGE[Purpose.SIGN_IN].total_seconds() // 60)
    letter = mails.sign_in_link(product_name=PRODUCT, link=link, minutes=minutes)
    outgoing = Outgoing(
        to=wanted.email,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        sender=services.settings.mail_from,
        sender_name=PRODUCT,
        message_id=message_id(f"sign-in:{wanted.nonce}", services.settings.mail_domain),
        sent_at=now,
    )
    try:
        services.mailer.send(outgoing)
    except RecoverError as error:
        level = logging.INFO if isinstance(error, MailRefused) else logging.ERROR
        log.log(level, "a sign-in mail could not be sent: %s", error)
        return False
    return True


def nonce_of(services: Services, token: str) -> str:
    """The nonce a mailed link carries. Raises LinkExpired, LinkInvalid."""
    return str(services.links.read(Purpose.SIGN_IN, token, services.now()).get("nonce", ""))


def sign_in(services: Services, token: str) -> str:
    """Use up a mailed link, once: the new session's token.

    Raises LinkExpired, LinkInvalid, LinkUsed.
    """
    session_token, now = token_urlsafe(24), services.now()
    use = (
        update(SignIn)
        .where(SignIn.nonce == nonce_of(services, token), SignIn.used_at.is_(None))
        .values(used_at=now, nonce=session_token)
        .returning(SignIn.user_id)
    )
    with services.db.begin() as session:
        user_id = session.scalar(use)
        if user_id is None:
            raise LinkUsed("This sign-in link was used already.")
        session.execute(update(User).where(User.id == user_id).values(signed_in_at=now))
    return session_token


def user_of(services: Services, session_token: str) -> User | None:
    """Who holds this session; None where it has ended."""
    query = (
        select(User)
        .join(SignIn, SignIn.user_id == User.id)
        .where(
            SignIn.nonce == session_token,
            SignIn.used_at > services.now() - SESSION_LIFE,
        )
    )
    with services.db.read() as session:
        return session.scalar(query)


def sign_out(services: Services, session_token: str) -> None:
    """End this session everywhere its cookie may have been copied to."""
    end = update(SignIn).where(SignIn.nonce == session_token, SignIn.used_at.is_not(None))
    with services.db.begin() as session:
        session.execute(end.values(nonce=token_urlsafe(24)))
