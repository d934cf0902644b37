"""People at companies, and what the audit log says of them."""

from __future__ import annotations

from sqlalchemy import select

from recover.models import AuditLogEntry, Company, Role, User
from recover.services import Services


def person(services: Services, company_id: int, email: str, role: str = Role.MEMBER) -> User:
    with services.db.begin() as session:
        row = User(company_id=company_id, email=email, role=role, created_at=services.now())
        session.add(row)
    return row


def another_company(services: Services, name: str = "Rival") -> Company:
    with services.db.begin() as session:
        row = Company(name=name, created_at=services.now())
        session.add(row)
    return row


def there(services: Services, user: User) -> User:
    """The person as the database has them now."""
    with services.db.read() as session:
        return session.get_one(User, user.id)


def lines(services: Services, company_id: int) -> list[tuple[str, str, str]]:
    """Verb, actor and about of a company's chain, in order."""
    query = select(AuditLogEntry).where(AuditLogEntry.chain == f"company:{company_id}")
    with services.db.read() as session:
        found = session.scalars(query.order_by(AuditLogEntry.id))
        return [(row.verb, row.actor, row.about) for row in found]
