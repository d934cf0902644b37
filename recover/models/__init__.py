"""The tables. Every row that belongs to a company's customers carries its ``account_id``.

A column that holds one of a few words has a StrEnum, beside its model or in the core, and stores
its plain value (`db.ONE_WORD`).
"""

from recover.models.api import (
    ApiToken,
    Delivery,
    DeliveryStatus,
    DeliveryTry,
    IdempotentAnswer,
    WebhookEndpoint,
)
from recover.models.contact import (
    CardForm,
    CardUpdate,
    CardUpdateStatus,
    ErasedAddress,
    Link,
    Message,
    MessageStatus,
    Suppression,
    SuppressionReason,
)
from recover.models.history import (
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    ImportedPayment,
    ImportStage,
    ImportState,
)
from recover.models.learning import AccountLesson, RetryModel
from recover.models.people import (
    Company,
    Invitation,
    Notification,
    NotificationKind,
    NotificationStatus,
    Passkey,
    SignIn,
    SignInMethod,
    User,
)
from recover.models.record import RecordEntry, RecordHead
from recover.models.recovery import (
    Attempt,
    Ending,
    EndingStatus,
    LedgerKind,
    LedgerLine,
    RecoveryCase,
)
from recover.models.starting import (
    Report,
    ReportKind,
    ReportLine,
    ReportState,
    Start,
    StripeMails,
)
from recover.models.stripe_side import (
    Account,
    Connection,
    ConnectRequest,
    EventStatus,
    StripeEvent,
    SweepReport,
)

__all__ = [
    "Account",
    "AccountLesson",
    "ApiToken",
    "Attempt",
    "CardForm",
    "CardUpdate",
    "CardUpdateStatus",
    "Company",
    "ConnectRequest",
    "Connection",
    "Delivery",
    "DeliveryStatus",
    "DeliveryTry",
    "Ending",
    "EndingStatus",
    "ErasedAddress",
    "EventStatus",
    "HistoryImport",
    "IdempotentAnswer",
    "ImportStage",
    "ImportState",
    "ImportedCharge",
    "ImportedInvoice",
    "ImportedPayment",
    "Invitation",
    "LedgerKind",
    "LedgerLine",
    "Link",
    "Message",
    "MessageStatus",
    "Notification",
    "NotificationKind",
    "NotificationStatus",
    "Passkey",
    "RecordEntry",
    "RecordHead",
    "RecoveryCase",
    "Report",
    "ReportKind",
    "ReportLine",
    "ReportState",
    "RetryModel",
    "SignIn",
    "SignInMethod",
    "Start",
    "StripeEvent",
    "StripeMails",
    "Suppression",
    "SuppressionReason",
    "SweepReport",
    "User",
    "WebhookEndpoint",
]
