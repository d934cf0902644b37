"""What is known of disputes and early fraud warnings, as Stripe told it last."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import AccountId, Id, Short


class DisputeKind(StrEnum):
    DISPUTE = "dispute"
    WARNING = "warning"  # a bank's early fraud warning


class KnownDispute(Base):
    """A dispute or a fraud warning about a payment of a customer's, on any invoice or on none.

    ``stripe_id`` is its own, or the charge's where our key may not read it.
    """

    __tablename__ = "disputes"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "stripe_id"),
        Index("ix_disputes_customer", "account_id", "stripe_customer_id"),
        Index("ix_disputes_charge", "account_id", "stripe_charge_id"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    stripe_customer_id: Mapped[Short]
    stripe_charge_id: Mapped[Short]
    kind: Mapped[DisputeKind]
    stripe_id: Mapped[Short]
    status: Mapped[Short]  # Stripe's, or one of `recover.dunning.stop_conditions`
    reason: Mapped[Short]  # Stripe's word: fraudulent, product_not_received, ...
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[Short]
    charged_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # when we first heard of it
    # A person looked and let the customer's cases go on.
    released_at: Mapped[datetime | None]
    released_by: Mapped[Short]  # the actor, as in the audit log
