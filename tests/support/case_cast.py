"""What tests of cases ask of the database."""

from __future__ import annotations

from sqlalchemy import select

from recover.models import AuditLogEntry


def verbs(world) -> list[str]:
    """What the audit log says was done, oldest first."""
    with world.services.db.read() as session:
        return list(session.scalars(select(AuditLogEntry.verb).order_by(AuditLogEntry.id)))
