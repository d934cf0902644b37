"""The tables. Every row that belongs to a company's customers carries its ``account_id``.

States, sources and triggers are stored as their plain strings.
"""

from recover.models.contact import CardUpdate, Link, Message, Suppression
from recover.models.history import (
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    ImportedPayment,
)
from recover.models.learning import AccountLesson, RetryModel
from recover.models.people import Company, SignIn, User
from recover.models.record import RecordEntry, RecordHead
from recover.models.recovery import Attempt, LedgerLine, RecoveryCase
from recover.models.starting import Report, ReportLine, Start
from recover.models.stripe_side import Account, StripeEvent, SweepReport

__all__ = [
    "Account",
    "AccountLesson",
    "Attempt",
    "CardUpdate",
    "Company",
    "HistoryImport",
    "ImportedCharge",
    "ImportedInvoice",
    "ImportedPayment",
    "LedgerLine",
    "Link",
    "Message",
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
]
