"""Sessions: who holds one, where it was last seen, and how it ends.

A session is a used row of ``sign_ins``, identified by its token; the cookie holds the signed token.
Only a keyed hash of its network address is stored, enough to tell one network from another.
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

SEEN_INTERVAL = timedelta(minutes=10)  # how often `last_seen_at` is stored
MAX_DEVICE_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a browser comes from: its user agent, and a keyed hash of its network address."""

    device: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Current:
    """A session in force: its row, and the user (at one company) whose it is."""

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
    """Begin a session without a mailed link, in the caller's transaction. Returns its token.

    ``narrow`` keeps it to this one company, since the mail address was not proved. ``proof`` may
    be used once; a second time raises IntegrityError.
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
        "device": visit.device[:MAX_DEVICE_LENGTH],
        "seen_hash": visit.origin,
        "last_seen_at": now,
    }


def current(services: Services, token: str) -> Current | None:
    """The session with this token; None if it has ended."""
    query = (
        select(User, SignIn)
        .join(SignIn, SignIn.user_id == User.id)
        .where(SignIn.nonce == token, in_force(services))
    )
    with services.db.read() as session:
        found = session.execute(query).one_or_none()
    return Current(found[0], found[1]) if found else None


def user_of(services: Services, session_token: str) -> User | None:
    """The user who holds this session; None if it has ended."""
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
    """Store that a session is in use, at most every `SEEN_INTERVAL`."""
    now = services.now()
    fresh = here.last_seen_at is not None and here.last_seen_at > now - SEEN_INTERVAL
    if not fresh:
        with services.db.begin() as session:
            session.execute(
                update(SignIn).where(SignIn.id == here.id).values(**visit_values(now, visit))
            )


def visible_to(here: Current) -> ColumnElement[bool]:
    """A condition for the sessions a person may see and end: all their own.

    A narrow session, which somebody other than the address's holder may have, sees only narrow
    ones at its own company.
    """
    own = User.id == here.user.id
    return and_(own, SignIn.narrow) if here.sign_in.narrow else User.email == here.user.email


def own_sessions(services: Services, here: Current) -> list[tuple[SignIn, Company]]:
    """A person's sessions with their companies: this one first, then by when last seen."""
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
    """End one of the person's sessions, or with None all but this one. Returns how many ended."""
    which = SignIn.id != here.sign_in.id if sign_in_id is None else SignIn.id == sign_in_id
    now = services.now()
    with services.db.begin() as session:
        wanted = select(SignIn.id).join(User, User.id == SignIn.user_id)
        ids = list(session.scalars(wanted.where(in_force(services), visible_to(here), which)))
        count = _end_where(session, SignIn.id.in_(ids), now)
        if count:
            what = "one session" if count == 1 else f"{count} sessions"
            note_act(session, here.user, "end_sessions", f"{here.user.email} ended {what}.", now)
    return count


def end_all_at(session: Session, user: User, now: datetime) -> int:
    """End every session of a person at one company, in the caller's transaction. Returns how many.

    Their sessions at other companies go on, but can no longer switch to this one.
    """
    user.sessions_ended_at = now
    return _end_where(session, SignIn.user_id == user.id, now)


def switch_targets(services: Services, here: Current) -> list[tuple[User, Company]]:
    """The companies this session may switch to, by name; its own among them."""
    query = (
        select(User, Company)
        .join(Company, Company.id == User.company_id)
        .where(User.email == here.user.email, User.removed_at.is_(None))
        .order_by(Company.name, Company.id)
    )
    with services.db.read() as session:
        found = [(row[0], row[1]) for row in session.execute(query)]
    return [(user, company) for user, company in found if _may_switch_to(here, user)]


def _may_switch_to(here: Current, user: User) -> bool:
    if user.id == here.user.id:
        return True
    ended, began = user.sessions_ended_at, here.sign_in.used_at
    return not here.sign_in.narrow and (not ended or (began is not None and began >= ended))


def switch_company(services: Services, here: Current, user_id: int) -> User | None:
    """Switch this session to another of the person's companies. None if it may not."""
    query = (
        update(SignIn)
        .where(SignIn.id == here.sign_in.id, SignIn.narrow.is_(False), SignIn.ended_at.is_(None))
        .values(user_id=user_id)
    )
    with services.db.begin() as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is None or user.email != here.user.email or user.removed_at:
            return None
        if not _may_switch_to(here, user) or not session.scalar(query.returning(SignIn.id)):
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
        if user and _end_where(session, SignIn.nonce == session_token, now):
            note_act(session, user, "sign_out", f"{user.email} signed out.", now)


def _end_where(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    """End sessions, and mailed links not used yet. Returns how many sessions."""
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
    """Write an audit log entry about a person, for their company, in the caller's transaction.

    ``actor`` is the person themselves unless it is given.
    """
    person = f"user:{user.id}"
    audit_log.write(
        session,
        verb,
        reason,
        at,
        audit_log.Subject(person, company_id=user.company_id),
        actor=actor or person,
        details=details,
    )
