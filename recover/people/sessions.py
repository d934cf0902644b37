"""Sessions: who holds one, where it was last seen, and how it ends.

A session is a used row of ``sign_ins``, known by its token; the cookie holds the token, signed. Of
the network address it came from only a keyed hash is kept, enough to tell one network from another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.models import Company, SignIn, SignInMethod, User
from recover.services import Services

SEEN_EVERY = timedelta(minutes=10)  # how often a session's last sight is written down
LONGEST_DEVICE = 255


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a browser comes from: its user agent, and a keyed hash of its network address."""

    device: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Current:
    """A session in force, and the place it is at."""

    user: User
    sign_in: SignIn


def begin(
    session: Session,
    user: User,
    now: datetime,
    visit: Visit,
    *,
    way: SignInMethod,
    narrow: bool = False,
    proof: str | None = None,
) -> str:
    """A session that no mailed link began, in the caller's transaction: its token.

    ``narrow`` keeps it to this one company: what let it in does not prove the mail address.
    ``proof`` may be used once; a second time raises IntegrityError.
    """
    token = token_urlsafe(24)
    session.add(
        SignIn(
            user_id=user.id,
            nonce=token,
            created_at=now,
            used_at=now,
            way=way,
            narrow=narrow,
            proof=proof,
            **visit_values(now, visit),
        )
    )
    return token


def visit_values(now: datetime, visit: Visit) -> dict[str, object]:
    return {
        "device": visit.device[:LONGEST_DEVICE],
        "seen_hash": visit.origin,
        "last_seen_at": now,
    }


def current(services: Services, token: str) -> Current | None:
    """Whose session this is; None where it has ended."""
    query = (
        select(User, SignIn)
        .join(SignIn, SignIn.user_id == User.id)
        .where(SignIn.nonce == token, in_force(services))
    )
    with services.db.read() as session:
        found = session.execute(query).one_or_none()
    return Current(found[0], found[1]) if found else None


def user_of(services: Services, session_token: str) -> User | None:
    """Who holds this session; None where it has ended."""
    found = current(services, session_token)
    return found.user if found else None


def in_force(services: Services) -> ColumnElement[bool]:
    """A condition over SignIn joined to User: begun, not ended, not too old, not idle for long."""
    now, settings = services.now(), services.settings
    last = func.coalesce(SignIn.last_seen_at, SignIn.used_at, type_=SignIn.used_at.type)
    return and_(
        SignIn.used_at > now - timedelta(days=settings.session_days),
        last > now - timedelta(days=settings.session_idle_days),
        SignIn.ended_at.is_(None),
        User.removed_at.is_(None),
    )


def touch(services: Services, here: SignIn, visit: Visit) -> None:
    """Note that a session is in use, at most every ten minutes."""
    now = services.now()
    fresh = here.last_seen_at is not None and here.last_seen_at > now - SEEN_EVERY
    if not fresh:
        with services.db.begin() as session:
            session.execute(
                update(SignIn).where(SignIn.id == here.id).values(**visit_values(now, visit))
            )


def visible_to(here: Current) -> ColumnElement[bool]:
    """The sessions a person may see and end: all of theirs. A narrow session, which may be held
    by whoever made the invitation, sees those at its own company alone.
    """
    own = User.id == here.user.id
    return and_(own, SignIn.narrow) if here.sign_in.narrow else User.email == here.user.email


def own_sessions(services: Services, here: Current) -> list[tuple[SignIn, Company]]:
    """One's own sessions and the companies they are at, this one first, then the latest seen."""
    query = (
        select(SignIn, Company)
        .join(User, User.id == SignIn.user_id)
        .join(Company, Company.id == User.company_id)
        .where(in_force(services), visible_to(here))
        .order_by(SignIn.id == here.sign_in.id, SignIn.last_seen_at, SignIn.id)
    )
    with services.db.read() as session:
        found = [(row[0], row[1]) for row in session.execute(query)]
    return found[::-1]


def end(services: Services, here: Current, sign_in_id: int | None) -> int:
    """End one of one's own sessions; with None all but this one. How many there were."""
    which = SignIn.id != here.sign_in.id if sign_in_id is None else SignIn.id == sign_in_id
    now = services.now()
    with services.db.begin() as session:
        wanted = select(SignIn.id).join(User, User.id == SignIn.user_id)
        ids = list(session.scalars(wanted.where(in_force(services), visible_to(here), which)))
        count = _end(session, SignIn.id.in_(ids), now)
        if count:
            what = "one session" if count == 1 else f"{count} sessions"
            note_act(session, here.user, "end_sessions", f"{here.user.email} ended {what}.", now)
    return count


def end_all_at(session: Session, user: User, now: datetime) -> int:
    """End every session of a person at one company, in the caller's transaction. How many.

    Those they have open at another company go on there, and cannot be turned to this one again.
    """
    user.sessions_ended_at = now
    return _end(session, SignIn.user_id == user.id, now)


def switch_targets(services: Services, here: Current) -> list[tuple[User, Company]]:
    """The places this session may be turned to, by the companies' names; its own among them."""
    query = (
        select(User, Company)
        .join(Company, Company.id == User.company_id)
        .where(User.email == here.user.email, User.removed_at.is_(None))
        .order_by(Company.name, Company.id)
    )
    with services.db.read() as session:
        found = [(row[0], row[1]) for row in session.execute(query)]
    return [(user, company) for user, company in found if _open_to(here, user)]


def _open_to(here: Current, user: User) -> bool:
    if user.id == here.user.id:
        return True
    ended, began = user.sessions_ended_at, here.sign_in.used_at
    return not here.sign_in.narrow and (not ended or (began is not None and began >= ended))


def switch_company(services: Services, here: Current, user_id: int) -> User | None:
    """Turn this session to another of the person's companies. None where it may not go there."""
    query = (
        update(SignIn)
        .where(SignIn.id == here.sign_in.id, SignIn.narrow.is_(False), SignIn.ended_at.is_(None))
        .values(user_id=user_id)
    )
    with services.db.begin() as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is None or user.email != here.user.email or user.removed_at:
            return None
        if not _open_to(here, user) or not session.scalar(query.returning(SignIn.id)):
            return None
        note_act(session, user, "switch", f"{user.email} opened this company.", services.now())
    return user


def sign_out(services: Services, session_token: str) -> None:
    """End this session everywhere its cookie may have been copied to."""
    now = services.now()
    with services.db.begin() as session:
        holder = (
            select(User)
            .join(SignIn, SignIn.user_id == User.id)
            .where(SignIn.nonce == session_token, SignIn.used_at.is_not(None))
        )
        user = session.scalar(holder)
        if user and _end(session, SignIn.nonce == session_token, now):
            note_act(session, user, "sign_out", f"{user.email} signed out.", now)


def _end(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    """Links that were mailed and not used yet end too: they would begin a session."""
    ending = update(SignIn).where(which, SignIn.ended_at.is_(None)).returning(SignIn.used_at)
    ended = session.scalars(
        ending.values(ended_at=now), execution_options={"synchronize_session": False}
    )
    return sum(1 for used_at in ended if used_at)


def note_act(
    session: Session,
    user: User,
    verb: str,
    reason: str,
    at: datetime,
    *,
    actor: str = "",
    details: dict[str, object] | None = None,
) -> None:
    """An entry about a person in the audit log of the company they are at; the actor is the person,
    unless another is named. In the caller's transaction.
    """
    who = f"user:{user.id}"
    audit_log.write(
        session,
        verb,
        reason,
        at,
        audit_log.Subject(who, company_id=user.company_id),
        actor=actor or who,
        details=details,
    )
