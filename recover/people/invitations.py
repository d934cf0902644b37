"""Invitations: an owner names a mail address and a role; whoever the mail reaches may join.

An invitation has two links. The mailed one stands in the mail alone, so using it proves the
address: it begins a full session. The one that an owner may copy proves only that the owner passed
it on: it begins a narrow session, which is kept to this one company.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from emails import people_mails
from recover.foundation.errors import DeliveryUncertain, MailRefused, PermanentError, RecoverError
from recover.foundation.mail_addresses import normal_email, plausible_email
from recover.foundation.signed_links import MAX_AGE, Purpose
from recover.models import Company, Invitation, Role, SignInMethod, User
from recover.people import sessions, team, users
from recover.people.roles import MEANINGS
from recover.people.sessions import Visit
from recover.services import Services

log = logging.getLogger(__name__)

LIFETIME = MAX_AGE[Purpose.INVITATION]
A_DAY = timedelta(days=1)
PER_COMPANY, PER_ADDRESS = 30, 5  # new invitations in a day; those of an address count everywhere
MAX_MAILS = 5  # of one invitation
UNCERTAIN_DELIVERY = "the connection broke before the mail server confirmed it; it may have arrived"


class NotInvited(PermanentError):
    """An invitation that cannot be made or mailed; the text says why and what to do."""


class InvitationOver(PermanentError):
    """The invitation was accepted or withdrawn, or there is none."""


class NoInvitation(PermanentError):
    """The company has no such invitation. Whether another company has one is not revealed."""


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An open invitation found by its link, for the page that asks whether to accept."""

    invitation: Invitation
    company: Company
    proves_address: bool


def invite(services: Services, owner: User, email: str, role: Role) -> Invitation:
    """Make an invitation and mail it; the row says whether the mail server took it.

    Raises NotInvited.
    """
    email = normal_email(email)
    if not plausible_email(email):
        raise NotInvited("That does not look like an e-mail address.")
    now = services.now()
    with services.db.begin() as session:
        session.get(Company, owner.company_id, with_for_update=team.COMPANY_LOCK)
        _require_invitable(session, owner.company_id, email, now)
        row = Invitation(
            company_id=owner.company_id,
            email=email,
            role=role,
            invited_by=owner.id,
            mailed_nonce=token_urlsafe(24),
            shown_nonce=token_urlsafe(24),
            created_at=now,
        )
        session.add(row)
        _note(session, owner, "invite", f"{email} was invited as {role}.", now)
    return _mail(services, owner, row.id)


def _require_invitable(session: Session, company_id: int, email: str, now: datetime) -> None:
    def count(*conditions: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count(Invitation.id)).where(*conditions)) or 0

    here, recent = Invitation.company_id == company_id, Invitation.created_at > now - A_DAY
    if member := users.membership_at(session, company_id, email):
        raise NotInvited(f"{email} is on the team already, as {member.role}.")
    if count(here, Invitation.email == email, _is_open()):
        raise NotInvited(f"{email} is invited already. Send that invitation again, or withdraw it.")
    if count(Invitation.email == email, recent) >= PER_ADDRESS:
        raise NotInvited(f"{email} was invited often today. Try again tomorrow.")
    if count(here, recent) >= PER_COMPANY:
        raise NotInvited(f"Your company invited {PER_COMPANY} people today. Go on tomorrow.")


def resend(services: Services, owner: User, invitation_id: int) -> Invitation:
    """Mail an invitation again; its links are then valid for another week.

    Raises InvitationOver, NoInvitation, NotInvited.
    """
    with services.db.begin() as session:
        row = _open_invitation(session, owner.company_id, invitation_id)
        if row.mails >= MAX_MAILS:
            raise NotInvited(f"{row.email} was mailed {MAX_MAILS} times. Copy the link instead.")
        reason = f"{row.email} is sent the invitation again."
        _note(session, owner, "invite", reason, services.now())
    return _mail(services, owner, invitation_id)


def withdraw(services: Services, owner: User, invitation_id: int) -> Invitation:
    """From now on neither link works. Raises InvitationOver, NoInvitation."""
    with services.db.begin() as session:
        row = _open_invitation(session, owner.company_id, invitation_id)
        row.withdrawn_at = services.now()
        reason = f"The invitation of {row.email} was withdrawn."
        _note(session, owner, "withdraw_invitation", reason, services.now())
    return row


def link_to_copy(services: Services, owner: User, invitation_id: int) -> tuple[Invitation, str]:
    """The link that an owner can pass on if mail does not arrive.

    Raises InvitationOver, NoInvitation.
    """
    now = services.now()
    with services.db.begin() as session:
        row = _open_invitation(session, owner.company_id, invitation_id)
        reason = f"The link of the invitation of {row.email} was shown, to be handed on."
        _note(session, owner, "show_invitation", reason, now)
    return row, _url(services, row.shown_nonce)


def pending(session: Session, company_id: int) -> list[Invitation]:
    """The open invitations, newest first; also those whose links have expired."""
    query = select(Invitation).where(Invitation.company_id == company_id, _is_open())
    return list(session.scalars(query.order_by(Invitation.id.desc())))


def find(services: Services, token: str) -> OpenInvitation:
    """The invitation that a link belongs to. Changes nothing.

    Raises LinkExpired, LinkInvalid, InvitationOver.
    """
    with services.db.read() as session:
        return _find(session, services, token)


def accept(
    services: Services, token: str, visit: Visit, holder: sessions.Current | None = None
) -> str:
    """Join the company, once. Returns a session's token.

    ``holder`` is who is signed in in that browser.

    Raises LinkExpired, LinkInvalid, InvitationOver.
    """
    now = services.now()
    with services.db.begin() as session:
        found = _find(session, services, token, lock=True)
        row = found.invitation
        row.accepted_at = now
        member = users.membership_at(session, row.company_id, row.email)
        user = member or users.add_membership(
            session, services, row.company_id, row.email, row.role
        )
        users.note_sign_in(session, user, services, "by an invitation")
        address_proven = found.proves_address or _proves_address(holder, row.email)
        way = SignInMethod.INVITATION if address_proven else SignInMethod.HANDED
        return sessions.begin(session, user, now, visit, way=way, narrow=not address_proven)


def _proves_address(holder: sessions.Current | None, email: str) -> bool:
    """Whether the session in this browser already proves the address."""
    return holder is not None and holder.user.email == email and not holder.sign_in.narrow


def _find(
    session: Session, services: Services, token: str, *, lock: bool = False
) -> OpenInvitation:
    nonce = str(services.links.read(Purpose.INVITATION, token, services.now()).get("nonce", ""))
    query = (
        select(Invitation, Company)
        .join(Company, Company.id == Invitation.company_id)
        .where(or_(Invitation.mailed_nonce == nonce, Invitation.shown_nonce == nonce))
    )
    found = session.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None or found[0].accepted_at or found[0].withdrawn_at:
        used = found is not None and found[0].accepted_at
        raise InvitationOver(
            "This invitation was accepted already."
            if used
            else "This invitation was withdrawn. Ask whoever invited you for a new one."
        )
    return OpenInvitation(found[0], found[1], proves_address=nonce == found[0].mailed_nonce)


def _open_invitation(session: Session, company_id: int, invitation_id: int) -> Invitation:
    own = Invitation.id == invitation_id, Invitation.company_id == company_id
    row = session.scalar(select(Invitation).where(*own).with_for_update())
    if row is None:
        raise NoInvitation("Your company has no such invitation.")
    if row.accepted_at or row.withdrawn_at:
        raise InvitationOver("That invitation is not open any more.")
    return row


def _is_open() -> ColumnElement[bool]:
    return Invitation.accepted_at.is_(None) & Invitation.withdrawn_at.is_(None)


def _url(services: Services, nonce: str) -> str:
    return services.links.url("invitation", Purpose.INVITATION, {"nonce": nonce}, services.now())


def _mail(services: Services, owner: User, invitation_id: int) -> Invitation:
    """Send the mail now, while the owner waits, and store the mail server's answer."""
    with services.db.read() as session:
        row = session.get_one(Invitation, invitation_id)
        company = session.get_one(Company, row.company_id)
    mail = people_mails.invitation(
        product_name=users.PRODUCT,
        company=company.name,
        inviter=owner.email,
        may=MEANINGS[row.role],
        link=_url(services, row.mailed_nonce),
        days=LIFETIME.days,
    )
    trouble = ""
    try:
        users.send(services, mail, row.email, f"invitation:{row.mailed_nonce}:{row.mails}")
    except RecoverError as error:
        level = logging.INFO if isinstance(error, MailRefused) else logging.ERROR
        log.log(level, "an invitation could not be sent: %s", error)
        trouble = UNCERTAIN_DELIVERY if isinstance(error, DeliveryUncertain) else str(error)
    with services.db.begin() as session:
        row = session.get_one(Invitation, invitation_id, with_for_update=True)
        row.mails, row.mailed_at, row.mail_trouble = row.mails + 1, services.now(), trouble[:255]
    return row


def _note(session: Session, owner: User, verb: str, reason: str, at: datetime) -> None:
    sessions.note_act(session, owner, verb, reason, at)
