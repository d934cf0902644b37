"""The tables. Every row that belongs to a company's customers carries its ``account_id``.

States, sources and triggers are stored as their plain strings.
"""

from recover.models.contact import CardUpdate, Link, Message, Suppression
from recover.models.learning import AccountLesson, RetryModel
from recover.models.people import Company, SignIn, User
from recover.models.recovery import Attempt, LedgerLine, RecoveryCase, TimelineEntry
from recover.models.stripe_side import Account, StripeEvent, SweepReport

__all__ = [
    "Account",
    "AccountLesson",
    "Attempt",
    "CardUpdate",
    "Company",
    "LedgerLine",
    "Link",
    "Message",
    "RecoveryCase",
    "RetryModel",
    "SignIn",
    "StripeEvent",
    "Suppression",
    "SweepReport",
    "TimelineEntry",
    "User",
]
