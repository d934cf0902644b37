"""Plain English for the founder's pages: what each stored word is called on the screen."""

from __future__ import annotations

from recover.cases.core_values import past_attempt
from recover.dunning import CaseState, CloseReason, Outcome, RetryMode, Source, Trigger, classify
from recover.models import Attempt, MessageStatus, RecoveryCase
from recover.reporting.figures import LOST_REASONS, SOURCE_NAMES

_ABOUT_SOURCES = {
    Source.OUR_RETRY: "Recover retried the card at a better moment.",
    Source.CARD_PAGE: "The subscriber replaced the card on the mailed page.",
    Source.NEW_CARD: "A card changed elsewhere; Recover charged it.",
    Source.FOUNDER: "Somebody at your company pressed Retry now.",
    Source.STRIPE_RETRY: "Stripe's schedule charged the card.",
    Source.ELSEWHERE: "Stripe's invoice page, the portal, or a bank transfer.",
    Source.UNKNOWN: "The invoice is paid; no known payment attempt paid it.",
}
SOURCES = {source: (SOURCE_NAMES[source], about) for source, about in _ABOUT_SOURCES.items()}
OURS = frozenset({Source.OUR_RETRY, Source.CARD_PAGE, Source.NEW_CARD, Source.FOUNDER})

CLOSE_REASONS = {
    CloseReason.VOIDED: "Invoice voided",
    CloseReason.UNCOLLECTIBLE: "Marked uncollectible",
    CloseReason.DELETED: "Invoice deleted",
    CloseReason.SUBSCRIPTION_ENDED: "Subscription ended",
    CloseReason.PAUSED: "Collection paused",
    CloseReason.NOTHING_OWED: "Nothing owed",
    CloseReason.CREDITED: "Credited",
    CloseReason.NOT_AUTOMATIC: "Invoiced by hand",
    CloseReason.DISPUTED: "Disputed",
    CloseReason.FRAUD_WARNING: "Bank warns of fraud",
    CloseReason.DISCONNECTED: "Stripe disconnected",
    CloseReason.WINDOW_OVER: "All retries used",
}

TRIGGERS = {
    Trigger.STRIPE: "Stripe",
    Trigger.SCHEDULE: "Recover, on schedule",
    Trigger.CARD_UPDATE: "Recover, on a new card",
    Trigger.SUBSCRIBER: "Subscriber, on the card page",
    Trigger.FOUNDER: "Your company, by hand",
}

OUTCOMES = {
    Outcome.PENDING: "Waiting for the bank",
    Outcome.SUCCEEDED: "Paid",
    Outcome.REQUIRES_ACTION: "The bank asks the cardholder to confirm",
    Outcome.ABANDONED: "Not made: there was nothing to charge any more",
    Outcome.REFUSED: "Refused by Stripe, no bank was asked",
    Outcome.OBSERVED: "Would have been retried here",
}

MAILS = {
    "payment_failed": "Payment failed",
    "authentication_needed": "Confirmation needed",
    "card_expiring": "Card expiring",
    "last_notice": "Last notice",
    "thank_you": "Thank you",
    "fresh_link": "Fresh link",
}

MAIL_STATUSES = {
    MessageStatus.PENDING: ("Waiting to be sent", "quiet"),
    MessageStatus.SENDING: ("Being sent", "quiet"),
    MessageStatus.SENT: ("Sent", "good"),
    MessageStatus.REFUSED: ("Refused by the mail server", "bad"),
    MessageStatus.UNCERTAIN: ("May not have arrived", "warn"),
    MessageStatus.SKIPPED: ("Not sent: no longer called for", "quiet"),
    MessageStatus.OBSERVED: ("Would have been sent", "quiet"),
}

MODES = {
    RetryMode.OBSERVE: "Observe only: nothing is charged or sent. The pages show what would"
    " have been done.",
    RetryMode.STRIPE: "Stripe retries. Recover writes to subscribers and charges new cards"
    " at once.",
    RetryMode.RECOVER: "",
}

VERBS = {
    "open": "Opened",
    "plan": "Planned",
    "attempt": "Charged",
    "observe": "Would have charged",
    "settle": "Answered",
    "message": "Mail",
    "skip": "Mail not sent",
    "recover": "Recovered",
    "exhaust": "Given up",
    "end": "End of dunning",
    "close": "Closed",
    "reopen": "Reopened",
    "refunded": "Refunded",
    "disputed": "Disputed",
    "returned": "Money is here again",
    "corrected": "Ledger corrected",
    "release": "Let go on",
    "revoke": "Links switched off",
    "ask": "Asked by API",
    "seen": "Seen at Stripe",
    "abandon": "Not charged",
    "sent": "Mail sent",
    "refused": "Mail refused",
    "uncertain": "Mail may not have arrived",
    "suppress": "No more mail",
    "resume": "Mail again",
    "visit": "Card page opened",
    "card": "Card saved",
    "view": "Looked at",
    "search": "Searched",
    "erase": "Erased",
    "export": "Exported",
    "command": "Command run",
    "setting": "Setting changed",
    "learn": "Learned",
    "sign_in": "Signed in",
    "sign_out": "Signed out",
    "end_sessions": "Sessions ended",
    "switch": "Opened this company",
    "make_link": "Sign-in link made",
    "add_user": "Person added",
    "remove_user": "Person removed",
    "leave": "Left",
    "change_role": "Role changed",
    "invite": "Invited",
    "show_invitation": "Invitation's link shown",
    "withdraw_invitation": "Invitation withdrawn",
    "add_passkey": "Passkey added",
    "rename_passkey": "Passkey renamed",
    "remove_passkey": "Passkey removed",
    "change": "Changed",
    "confirm": "Sender confirmed",
    "connect": "Stripe connected",
    "create": "Created",
    "disconnect": "Stripe disconnected",
    "import": "History import",
    "listen": "Webhook endpoint",
    "notify": "Team notified",
    "remove": "Removed",
    "report": "Report",
    "rotate": "Signing secret changed",
    "set": "Set",
    "switch_off": "Switched off",
    "refuse_passkey": "Passkey refused",
}

TONES = {
    "recover": "good",
    "exhaust": "bad",
    "end": "warn",
    "close": "quiet",
    "message": "mail",
    "attempt": "warn",
    "refunded": "bad",
    "disputed": "bad",
    "returned": "good",
    "corrected": "warn",
}

VERDICTS = {
    "few": ("Too few to say", "quiet"),
    "fits": ("As predicted", "good"),
    "more": ("More often", "warn"),
    "less": ("Less often", "warn"),
}


def state(case: RecoveryCase) -> tuple[str, str]:
    """A case's state and its tone: good, bad, warn or quiet."""
    if case.state == CaseState.OPEN:
        return "In progress", "warn"
    if case.state == CaseState.RECOVERED:
        return "Recovered", "good"
    why = CLOSE_REASONS.get(case.close_reason, case.state.capitalize())  # type: ignore[call-overload]
    return (f"Lost: {_lower(why)}", "bad") if case.close_reason in LOST_REASONS else (why, "quiet")


def outcome(attempt: Attempt) -> tuple[str, str]:
    """What came of a payment attempt, in plain words, and its tone."""
    known = OUTCOMES.get(attempt.outcome)
    tone = {Outcome.SUCCEEDED: "good", Outcome.FAILED: "bad", Outcome.REQUIRES_ACTION: "warn"}
    if known:
        return known, tone.get(attempt.outcome, "quiet")
    decline = past_attempt(attempt).decline
    rule = classify(decline, attempt.card_brand, on=attempt.attempted_at.date())
    return rule.text, "bad"


def decline(case: RecoveryCase) -> str:
    """The latest decline's code as words: "insufficient_funds" -> "Insufficient funds"."""
    return case.decline_code.replace("_", " ").capitalize()


def card(brand: str, last4: str) -> str:
    """Such as "Visa •••• 4242"; "" where there is no card."""
    name = BRANDS.get(brand, brand.replace("_", " ").capitalize())
    return f"{name} •••• {last4}".strip() if last4 else ""


BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "eftpos_au": "eftpos",
}


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
