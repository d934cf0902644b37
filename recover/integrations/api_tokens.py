"""API tokens: random, shown once, stored as a hash, each with no more rights than it needs.

A token belongs to one company and one mode, so a test token never sees live data. Its scopes say
what it may do; its company, and its account if it has one, say whose data it sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.foundation.errors import PermanentError
from recover.models import Account, ApiToken
from recover.services import Services

LIVE, TEST = "rcv_live_", "rcv_test_"
MAX_LENGTH = 100  # characters; anything longer is refused without a query
USED_AT_INTERVAL = timedelta(minutes=1)
READ_NOTE_INTERVAL = timedelta(hours=1)

SCOPES = {
    "cases:read": "See cases with their attempts, mails and history. Holds names and addresses.",
    "cases:write": "Retry a case, reconcile it with Stripe, switch off its card links.",
    "stats:read": "See what was recovered, is at risk, and was lost.",
    "access:read": "Ask whether a customer is fine, in grace or limited.",
    "accounts:read": "See which Stripe accounts are connected.",
    "webhooks:manage": "Add, change and remove webhook endpoints, and read their log.",
}
"""Every scope, and what it allows."""


class TokenRefused(PermanentError):
    """A token that is not accepted. The text says why; it never quotes the token."""


class TokenFault(PermanentError):
    """A token that cannot be made as asked. ``field`` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Holder:
    """The token that calls, and whose data it sees: that of ``account_ids`` alone."""

    token_id: int
    name: str
    company_id: int
    livemode: bool
    scopes: frozenset[str]
    account_ids: tuple[int, ...]

    @property
    def actor(self) -> str:
        return f"token:{self.token_id}"


def create(
    services: Services,
    company_id: int,
    *,
    name: str,
    livemode: bool,
    scopes: Sequence[str],
    actor: str,
    account_id: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token. Returns its row and its text, which is shown only now. Raises TokenFault."""
    now = services.now()
    _require_valid(name, scopes, expires_at, now)
    text = (LIVE if livemode else TEST) + token_hex(24)
    with services.db.begin() as session:
        if account_id is not None and not _is_account_of(
            session, account_id, company_id, livemode=livemode
        ):
            raise TokenFault("account", "This company has no such account in this mode.")
        row = ApiToken(
            company_id=company_id,
            account_id=account_id,
            livemode=livemode,
            name=name.strip(),
            token_hash=_token_hash(text),
            last4=text[-4:],
            scopes=[one for one in SCOPES if one in scopes],
            created_by=actor,
            created_at=now,
            expires_at=expires_at,
        )
        session.add(row)
        session.flush()
        reason = f"An API token was made: {row.name}."
        details = {"scopes": row.scopes, "livemode": livemode, "account": account_id}
        _note(session, row, "create", reason, now, actor, details)
    return row, text


def _require_valid(
    name: str, scopes: Sequence[str], expires_at: datetime | None, now: datetime
) -> None:
    if not name.strip() or len(name) > 100:  # noqa: PLR2004 - a name, not an essay
        raise TokenFault("name", "Name what the token is for, in up to 100 characters.")
    if not scopes:
        raise TokenFault("scopes", "Choose at least one thing the token may do.")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise TokenFault("scopes", f"There is no scope {unknown[0]!r}.")
    if expires_at is not None and expires_at <= now:
        raise TokenFault("expires", "This moment is over already.")


def _is_account_of(session: Session, account_id: int, company_id: int, *, livemode: bool) -> bool:
    account = session.get(Account, account_id)
    return bool(account and account.company_id == company_id and account.livemode == livemode)


def revoke(services: Services, company_id: int, token_id: int, *, actor: str) -> bool:
    """Revoke a token of this company. False if it has no such token."""
    now = services.now()
    with services.db.begin() as session:
        row = session.get(ApiToken, token_id, with_for_update=True)
        if row is None or row.company_id != company_id:
            return False
        if row.revoked_at is None:
            row.revoked_at = now
            _note(session, row, "revoke", f"The API token {row.name} was revoked.", now, actor)
    return True


def of_company(session: Session, company_id: int) -> list[ApiToken]:
    """The company's tokens, newest first."""
    query = select(ApiToken).where(ApiToken.company_id == company_id)
    return list(session.scalars(query.order_by(ApiToken.id.desc())))


def state_of(row: ApiToken, now: datetime) -> str:
    """active, expired or revoked."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "active"


def holder(services: Services, text: str) -> Holder:
    """The holder of a token; ``text`` is "" if none was sent. Raises TokenRefused."""
    if not text:
        raise TokenRefused("Send a token in the header: Authorization: Bearer rcv_...")
    if not text.startswith((LIVE, TEST)) or len(text) > MAX_LENGTH:
        raise TokenRefused("This is no token of ours: they begin with rcv_live_ or rcv_test_.")
    now = services.now()
    with services.db.read() as session:
        row = session.scalar(select(ApiToken).where(ApiToken.token_hash == _token_hash(text)))
        if row is None:
            raise TokenRefused("This token is not known here.")
        if row.revoked_at is not None:
            raise TokenRefused("This token was revoked.")
        if row.expires_at is not None and row.expires_at <= now:
            raise TokenRefused(f"This token expired on {row.expires_at:%Y-%m-%d}.")
        account_ids = _account_ids(session, row)
    _note_use(services, row, now)
    return Holder(
        row.id, row.name, row.company_id, row.livemode, frozenset(row.scopes), account_ids
    )


def _account_ids(session: Session, row: ApiToken) -> tuple[int, ...]:
    query = select(Account.id).where(
        Account.company_id == row.company_id, Account.livemode == row.livemode
    )
    if row.account_id is not None:
        query = query.where(Account.id == row.account_id)
    return tuple(session.scalars(query.order_by(Account.id)))


def _note_use(services: Services, row: ApiToken, now: datetime) -> None:
    """Store when the token was used, to the minute: a busy token must not cost a write a call."""
    if row.used_at is not None and now - row.used_at < USED_AT_INTERVAL:
        return
    with services.db.begin() as session:
        session.execute(update(ApiToken).where(ApiToken.id == row.id).values(used_at=now))


def note_reading(services: Services, caller: Holder, what: str) -> None:
    """Note in the audit log, at most once an hour, that ``what`` (personal data) was read."""
    now = services.now()
    due = ApiToken.read_noted_at.is_(None) | (ApiToken.read_noted_at <= now - READ_NOTE_INTERVAL)
    with services.db.read() as session:
        if session.scalar(select(ApiToken.id).where(ApiToken.id == caller.token_id, due)) is None:
            return
    mark = update(ApiToken).where(ApiToken.id == caller.token_id, due).values(read_noted_at=now)
    with services.db.begin() as session:
        if session.scalar(mark.returning(ApiToken.id)) is None:
            return
        reason = f"The API token {caller.name} read {what}; not noted again for an hour."
        about = f"api_token:{caller.token_id}"
        audit_log.write(
            session,
            "view",
            reason,
            now,
            audit_log.Subject(about, company_id=caller.company_id),
            actor=caller.actor,
        )


def _token_hash(text: str) -> str:
    """SHA-256 in hex; a token has 192 random bits, so the hash needs no salt."""
    return sha256(text.encode()).hexdigest()


def _note(
    session: Session,
    row: ApiToken,
    verb: str,
    reason: str,
    at: datetime,
    actor: str,
    details: Mapping[str, object] | None = None,
) -> None:
    audit_log.write(
        session,
        verb,
        reason,
        at,
        audit_log.Subject(f"api_token:{row.id}", company_id=row.company_id),
        actor=actor,
        details=details,
    )
