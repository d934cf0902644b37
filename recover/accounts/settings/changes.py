"""Changing an account's settings: all together or none, noted in the audit log, and undone.

Pages and commands both come through `change`, so that there is no other way to change one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from recover.accounts.settings.catalogue import SETTINGS, contradictions
from recover.accounts.settings.field_types import Value
from recover.cases.lifecycle import plan_anew
from recover.compliance import audit_log
from recover.dunning import campaign
from recover.foundation.errors import PermanentError
from recover.models import Account, AuditLogEntry
from recover.services import Services

VERB, ABOUT = "set", "setting:"
SHOWN = 30  # changes on a page


class SettingsRefused(PermanentError):
    """One or more values are wrong, and nothing was changed. ``faults`` are clauses, by name."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


class ChangedMeanwhile(PermanentError):
    """Somebody else changed these settings since they were shown; nothing was overwritten."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the audit log about a setting."""

    entry: AuditLogEntry
    name: str
    before: Value
    after: Value
    undoable: bool  # it is the setting's latest, and its value still stands


def values_of(account: Account, names: Iterable[str]) -> dict[str, Value]:
    return {name: getattr(account, name) for name in names}


def fingerprint_of(account: Account, names: Iterable[str]) -> str:
    """A hash of these settings' present values, for `change` to notice that they have changed."""
    values = json.dumps(values_of(account, names), sort_keys=True)
    return sha256(values.encode()).hexdigest()[:16]


def change(
    services: Services,
    account_id: int,
    wanted: Mapping[str, Value],
    *,
    actor: str,
    seen: str = "",
) -> list[int]:
    """Set new values, by name. Returns the ids of the audit log entries, one for each change.

    ``seen`` is the `fingerprint_of` the settings as they were shown; "" where that does not matter.
    Raises SettingsRefused, ChangedMeanwhile; then nothing has changed.
    """
    with services.db.begin() as session:
        account = _locked(session, account_id)
        if seen and seen != fingerprint_of(account, wanted):
            raise ChangedMeanwhile("Somebody else changed these settings meanwhile.")
        return _apply(session, account, wanted, actor, services.now())


def _locked(session: Session, account_id: int) -> Account:
    """The account, locked against other writers until the transaction ends."""
    return session.get_one(Account, account_id, with_for_update=True, populate_existing=True)


def _apply(
    session: Session,
    account: Account,
    wanted: Mapping[str, Value],
    actor: str,
    now: datetime,
    **details: Any,
) -> list[int]:
    changed = {name: value for name, value in wanted.items() if value != getattr(account, name)}
    if faults := faults_of(account, changed):
        raise SettingsRefused(faults)
    entries = [_set(session, account, name, changed[name], actor, now, details) for name in changed]
    if any(SETTINGS[name].replans for name in changed):
        plan_anew(session, account.id, now)
    session.flush()
    return [entry.id for entry in entries]


def faults_of(account: Account, changed: Mapping[str, Value]) -> dict[str, str]:
    """What is wrong with new values, by name: each by itself, then together with the others."""
    faults = {name: SETTINGS[name].kind.fault(value) for name, value in changed.items()}
    faults = {name: fault for name, fault in faults.items() if fault}
    if faults or not changed:
        return faults
    steps = campaign(account.campaign_key, account.campaign_version)
    return contradictions(values_of(account, SETTINGS) | dict(changed), steps)


def _set(
    session: Session,
    account: Account,
    name: str,
    value: Value,
    actor: str,
    now: datetime,
    details: Mapping[str, Any],
) -> AuditLogEntry:
    setting, before = SETTINGS[name], getattr(account, name)
    setattr(account, name, value)
    sentence = f"{setting.title}: from {setting.kind.words(before)} to {setting.kind.words(value)}."
    return audit_log.write(
        session,
        VERB,
        sentence,
        now,
        audit_log.Subject(ABOUT + name, account_id=account.id),
        actor=actor,
        details={"before": before, "after": value, **details},
    )


def undo(services: Services, account_id: int, entry_ids: Sequence[int], *, actor: str) -> list[str]:
    """Give each setting the value it had before these changes, as a change of its own.

    Returns the names of the settings. Raises ChangedMeanwhile if one of them has changed since or
    cannot be undone, SettingsRefused; then nothing has changed.
    """
    with services.db.begin() as session:
        account = _locked(session, account_id)
        found = changes_by_id(session, account, entry_ids)
        names = [one.name for one in found]
        one_each = len(set(names)) == len(set(entry_ids)) > 0  # each entry is about another setting
        if not one_each or not all(one.undoable for one in found):
            raise ChangedMeanwhile("These settings have changed since; nothing was undone.")
        wanted = {one.name: one.before for one in found}
        undone = sorted(one.entry.id for one in found)
        _apply(session, account, wanted, actor, services.now(), undoes=undone)
    return names


def history(
    session: Session, account: Account, before: int | None = None
) -> tuple[list[Change], int]:
    """The newest `SHOWN` changes with an id under ``before``, and the ``before`` of the next page.

    That is 0 on the last page. Entries whose words were erased are left out.
    """
    older = AuditLogEntry.id < before if before is not None else AuditLogEntry.id > 0
    entries = _entries(session, account, older, limit=SHOWN + 1)
    next_before = entries[SHOWN - 1].id if len(entries) > SHOWN else 0
    return _changes(session, account, entries[:SHOWN]), next_before


def changes_by_id(session: Session, account: Account, entry_ids: Sequence[int]) -> list[Change]:
    """The changes with these ids; ids that are not this account's are left out."""
    entries = _entries(session, account, AuditLogEntry.id.in_(entry_ids), limit=len(SETTINGS))
    return _changes(session, account, entries)


def _entries(
    session: Session, account: Account, condition: ColumnElement[bool], limit: int
) -> list[AuditLogEntry]:
    of_account = AuditLogEntry.account_id == account.id, AuditLogEntry.verb == VERB
    query = select(AuditLogEntry).where(*of_account, condition).order_by(AuditLogEntry.id.desc())
    return list(session.scalars(query.limit(limit)))


def _changes(session: Session, account: Account, entries: list[AuditLogEntry]) -> list[Change]:
    of_account = AuditLogEntry.account_id == account.id, AuditLogEntry.verb == VERB
    last = select(func.max(AuditLogEntry.id)).where(*of_account).group_by(AuditLogEntry.about)
    latest = set(session.scalars(last)) if entries else set()
    return [found for entry in entries if (found := _change_of(account, entry, latest))]


def _change_of(account: Account, entry: AuditLogEntry, latest: set[int]) -> Change | None:
    name, details = entry.about.removeprefix(ABOUT), entry.details or {}
    if name not in SETTINGS or "after" not in details:  # retired, or erased
        return None
    undoable = entry.id in latest and getattr(account, name) == details["after"]
    return Change(entry, name, details["before"], details["after"], undoable=undoable)
