"""The tables. Every row that belongs to a company's customers carries its ``account_id``.

States, sources and triggers are stored as their plain strings.
"""

from recover.models.api import (
    ApiToken,
    Delivery,
    DeliveryTry,
    IdempotentAnswer,
    WebhookEndpoint,
)
from recover.models.contact import CardUpdate, ErasedAddress, Link, Message, Suppression
from recover.models.history import (
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    ImportedPayment,
)
from recover.models.learning import AccountLesson, RetryModel
from recover.models.people import Company, Invitation, Notification, Passkey, SignIn, User
from recover.models.record import RecordEntry, RecordHead
from recover.models.recovery import Attempt, Ending, LedgerLine, RecoveryCase
from recover.models.starting import Report, ReportLine, Start
from recover.models.stripe_side import Account, ConnectRequest, StripeEvent, SweepReport

__all__ = [
    "Account",
    "AccountLesson",
    "ApiToken",
    "Attempt",
    "CardUpdate",
    "Company",
    "ConnectRequest",
    "Delivery",
    "DeliveryTry",
    "Ending",
    "ErasedAddress",
    "HistoryImport",
    "IdempotentAnswer",
    "ImportedCharge",
    "ImportedInvoice",
    "ImportedPayment",
    "Invitation",
    "LedgerLine",
    "Link",
    "Message",
    "Notification",
    "Passkey",
    "RecordEntry",
    "RecordHead",
    "RecoveryCase",
    "Report",
    "ReportLine",
    "RetryModel",
    "SignIn",
    "Start",
    "StripeEvent",
    "Suppression",
    "SweepReport",
    "User",
    "WebhookEndpoint",
]
