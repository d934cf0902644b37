"""The tables. Every row that belongs to a company's customers carries its ``account_id``.

A column with a fixed set of values has a StrEnum, beside its model or in the core, and stores
its plain value (`database.ENUM_COLUMN`).
"""

from recover.models.audit_log import AuditLogEntry, AuditLogHead
from recover.models.cases import Attempt, Ending, EndingStatus, LedgerKind, LedgerLine, RecoveryCase
from recover.models.disputes import DisputeKind, KnownDispute
from recover.models.imported_history import (
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    ImportedPayment,
    ImportStage,
    ImportState,
)
from recover.models.integrations import (
    ApiToken,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    IdempotentAnswer,
    WebhookEndpoint,
)
from recover.models.messages import (
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
from recover.models.onboarding import (
    ChecklistState,
    Report,
    ReportKind,
    ReportLine,
    ReportState,
    StripeMails,
)
from recover.models.people import (
    Company,
    Invitation,
    Notification,
    NotificationKind,
    NotificationStatus,
    Passkey,
    Role,
    SignIn,
    SignInMethod,
    User,
)
from recover.models.retry_models import AccountEvidence, RetryModel
from recover.models.stripe_accounts import (
    Account,
    Connection,
    ConnectRequest,
    EventStatus,
    ReconciliationReport,
    StripeEvent,
)

__all__ = [
    "Account",
    "AccountEvidence",
    "ApiToken",
    "Attempt",
    "AuditLogEntry",
    "AuditLogHead",
    "CardForm",
    "CardUpdate",
    "CardUpdateStatus",
    "ChecklistState",
    "Company",
    "ConnectRequest",
    "Connection",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryStatus",
    "DisputeKind",
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
    "KnownDispute",
    "LedgerKind",
    "LedgerLine",
    "Link",
    "Message",
    "MessageStatus",
    "Notification",
    "NotificationKind",
    "NotificationStatus",
    "Passkey",
    "ReconciliationReport",
    "RecoveryCase",
    "Report",
    "ReportKind",
    "ReportLine",
    "ReportState",
    "RetryModel",
    "Role",
    "SignIn",
    "SignInMethod",
    "StripeEvent",
    "StripeMails",
    "Suppression",
    "SuppressionReason",
    "User",
    "WebhookEndpoint",
]
