"""The members of one company: their roles, and how they leave. A company always has an owner."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from recover.foundation.errors import PermanentError
from recover.models import Company, Invitation, Passkey, Role, User
from recover.people import sessions
from recover.services import Services

# Blocks only other changes of the team, no row that refers to the company.
COMPANY_LOCK = {"key_share": True}


class LastOwner(PermanentError):
    """The change would leave a company without an owner."""


class NoSuchMember(PermanentError):
    """The company has no such member; perhaps they left a moment ago."""


def members(session: Session, company_id: int) -> list[User]:
    """The members of a company, by role and then by address."""
    query = select(User).where(User.company_id == company_id, User.removed_at.is_(None))
    order = list(Role)
    found = session.scalars(query)
    return sorted(found, key=lambda one: (order.index(Role(one.role)), one.email))


def owner_count(session: Session, company_id: int) -> int:
    query = select(func.count(User.id)).where(
        User.company_id == company_id, User.role == Role.OWNER, User.removed_at.is_(None)
    )
    return session.scalar(query) or 0


def change_role(
    services: Services, company_id: int, user_id: int, role: Role, actor: str = "command"
) -> User:
    """Give a member another role. Raises LastOwner, NoSuchMember."""
    with services.db.begin() as session:
        user = _locked_member(session, company_id, user_id)
        before = user.role
        if role == before:
            return user
        _require_another_owner(session, user, role)
        user.role = role
        _withdraw_invitations(session, user, services)
        sessions.note_act(
            session,
            user,
            "change_role",
            f"{user.email} is {role} now, was {before}.",
            services.now(),
            actor=actor,
            details={"before": before, "after": role},
        )
    return user


def remove(services: Services, company_id: int, user_id: int, actor: str = "command") -> User:
    """Remove a member and end their sessions at this company at once.

    Raises LastOwner, NoSuchMember.
    """
    now = services.now()
    with services.db.begin() as session:
        user = _locked_member(session, company_id, user_id)
        _require_another_owner(session, user, None)
        left = actor == f"user:{user.id}"
        verb, did = ("leave", "left") if left else ("remove_user", "was removed")
        sessions.note_act(session, user, verb, f"{user.email} {did}.", now, actor=actor)
        sessions.end_all_at(session, user, now)
        user.role, user.removed_at = "", now
        session.flush()
        _delete_passkeys_of_nobody(session, user.email)
        _withdraw_invitations(session, user, services)
    return user


def end_sessions(services: Services, company_id: int, user_id: int, actor: str) -> int:
    """End a member's sessions at this company. Returns how many. Raises NoSuchMember."""
    now = services.now()
    with services.db.begin() as session:
        user = _locked_member(session, company_id, user_id)
        count = sessions.end_all_at(session, user, now)
        reason = f"Every session of {user.email} was ended: {count}."
        sessions.note_act(session, user, "end_sessions", reason, now, actor=actor)
    return count


def _locked_member(session: Session, company_id: int, user_id: int) -> User:
    """The member, under the company's lock: if two owners remove each other, one remains."""
    session.get(Company, company_id, with_for_update=COMPANY_LOCK)
    user = session.get(User, user_id, populate_existing=True)
    if user is None or user.company_id != company_id or user.removed_at:
        raise NoSuchMember("There is nobody like that at this company any more.")
    return user


def _require_another_owner(session: Session, user: User, role: Role | None) -> None:
    steps_down = user.role == Role.OWNER and role is not Role.OWNER
    if steps_down and owner_count(session, user.company_id) == 1:
        raise LastOwner(f"{user.email} is the only owner. Make somebody else an owner first.")


def _delete_passkeys_of_nobody(session: Session, email: str) -> None:
    """Delete a person's passkeys once they are a member of no company."""
    anywhere = select(User.id).where(User.email == email, User.removed_at.is_(None))
    if session.scalar(anywhere.limit(1)) is None:
        for key in session.scalars(select(Passkey).where(Passkey.email == email)):
            session.delete(key)


def _withdraw_invitations(session: Session, user: User, services: Services) -> None:
    """Withdraw the open invitations of somebody who is no longer an owner."""
    waiting = update(Invitation).where(
        Invitation.company_id == user.company_id,
        Invitation.invited_by == user.id,
        Invitation.accepted_at.is_(None),
        Invitation.withdrawn_at.is_(None),
    )
    session.execute(waiting.values(withdrawn_at=services.now()))
