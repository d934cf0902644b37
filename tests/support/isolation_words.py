"""What the columns of `isolation_cast` must hold for the product to read them.

By "table.column", or by the column alone. In a text, {marker} is the company's and {which} the
row's number: row 0 is of the company's first account, row 1 of its second. A function is given that
number; where it says `...`, the column is filled as any other.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from recover.dunning import DEFAULT
from recover.integrations.api_tokens import SCOPES, TEST
from recover.integrations.webhook_events import EVENTS
from recover.learning.timing_in_force import SHIPPED

# How many rows of a table there are, where it is not one for each of the two accounts.
ROWS = {"companies": 1, "record": 4, "record_heads": 3, "reports": 3, "report_lines": 3}

# Of the tables with a chain, the rows that are of the company's own chain, not of an account's.
COMPANY_S_OWN = 3  # the row of the audit log
OF_THE_COMPANY = {"record": COMPANY_S_OWN, "record_heads": 2}

SETTING = 2  # the row of the audit log that can be undone

SWITCHOVER = 2  # the row of the reports, and its line, that is no dry run

NEVER: dict[str, str | None] = dict.fromkeys(("our_retry_at", "our_mail_at", "stripe_retry_at"))
OWNERSHIP = {"owner": "us", "first": None, "reason": "MARKER", "charged": False} | NEVER

RETRIES = {"mode": "recover", "timing": "fixed", "explore": "5", "leavers": "once"}
WHEN = "2027-03-01T09:00:00+00:00"
OWNERS = {"us": 1, "stripe": 0, "both": 0, "nobody": 0}
MODES = ("observe", "stripe", "recover")
DRY_RUN = {"invoices": 0, "since": WHEN, "until": WHEN, "note": "MARKER"}
SWITCH = {
    "invoices": 1,
    "at": WHEN,
    "missing": [],
    "missing_count": 0,
    "mode": "observe",
    "note": "MARKER",
    "modes": {one: {"owners": OWNERS, "uncharged": 0, "first": []} for one in MODES},
}
REPLAYED = {
    "timezone": "UTC",
    "customer": "MARKER",
    "amount_minor": 2900,
    "currency": "usd",
    "events": [],
    "theirs": 1,
    "ours": 1,
    "mails": 1,
    "new_cards": 0,
    "ending": "MARKER",
}
OWNED = {
    "customer": "MARKER",
    "amount_minor": 2900,
    "currency": "usd",
    "modes": dict.fromkeys(MODES, OWNERSHIP),
}

MODEL = SHIPPED.model.to_json()

WORDS: dict[str, Any] = {
    "companies.keep_days": None,
    "companies.erasure_key_sealed": "",
    "accounts.mode": "recover",
    "accounts.connection": "key",
    "accounts.livemode": False,
    "accounts.timing": "engine",
    "accounts.explore": 0.05,
    "accounts.test_mail": "everyone",
    "accounts.timezone": "UTC",
    "accounts.color": "#1f6feb",
    "accounts.logo_url": "",
    "accounts.website_url": "https://{marker}.test",
    "accounts.support_email": "help@{marker}.test",
    "accounts.sender_email": "billing@{marker}.test",
    "accounts.reply_to": "reply@{marker}.test",
    "accounts.notify_to": "team@{marker}.test",
    "accounts.end_of_dunning": "leave",
    "accounts.leavers": "not_at_all",
    "accounts.max_retries": 4,
    "accounts.min_gap_hours": 24,
    "accounts.send_from_hour": 8,
    "accounts.send_until_hour": 20,
    "accounts.messages_per_week": 2,
    "accounts.message_gap_hours": 24,
    "accounts.model_id": None,  # set once there are models
    "accounts.model_pinned": False,
    "accounts.disconnected_at": None,
    "accounts.leaving_at": None,
    "users.email": "owner{which}@{marker}.test",
    "users.role": "owner",
    "users.removed_at": None,
    "users.sessions_ended_at": None,
    "sign_ins.way": "mail",
    "sign_ins.narrow": False,
    "sign_ins.used_at": lambda which: None if which else ...,  # row 1 is a link nobody used yet
    "sign_ins.ended_at": None,
    "invitations.email": "guest{which}@{marker}.test",
    "invitations.role": "member",
    "invitations.mails": 1,
    "invitations.accepted_at": None,
    "invitations.withdrawn_at": None,
    "passkeys.email": "owner{which}@{marker}.test",
    "passkeys.suspect_at": None,
    "notifications.status": "pending",
    "notifications.kind": "trouble",
    "attempts.outcome": "failed",
    "attempts.trigger": "stripe",
    "attempts.proposal": None,
    "card_updates.status": "started",
    "card_updates.field": "customer.invoice_settings.default_payment_method",
    "cases.state": "open",
    "cases.close_reason": "",
    "cases.decline_category": "retry_later",
    "cases.closed_at": None,
    "cases.erased_at": None,
    "cases.customer_email": "sam{which}@{marker}.test",
    "cases.locale": "en",
    "cases.timezone": "UTC",
    "cases.subscription_status": "past_due",
    "endings.action": "cancel",
    "endings.status": "done",
    "ledger.kind": "recovered",
    "ledger.source": "our_retry",
    "links.revoked_at": None,
    "messages.status": "sent",
    "messages.template": "payment_failed",
    "stripe_events.status": "parked",
    "suppressions.reason": "asked",
    "record.account_id": lambda which: None if which == COMPANY_S_OWN else ...,
    "record.company_id": lambda which: ... if which == COMPANY_S_OWN else None,
    "record.case_id": lambda which: ... if which < 2 else None,
    "record.verb": lambda which: ("open", "open", "set", "sign_in")[which],
    "record.about": lambda which: "setting:max_retries" if which == SETTING else ...,
    "record.details": lambda which: {"before": 6, "after": 4} if which == SETTING else ...,
    "record.actor": "recover",
    "record.seq": None,
    "record.hash": None,
    "record_heads.fault": "",
    "account_lessons.body": MODEL,
    "retry_models.body": MODEL,
    "retry_models.parent_id": None,
    "retry_models.accepted": True,
    "retry_models.figures": {"used": 7},
    "api_tokens.account_id": lambda which: ... if which else None,  # row 0 sees every account
    "api_tokens.livemode": False,
    "api_tokens.scopes": list(SCOPES),
    "api_tokens.expires_at": None,
    "api_tokens.revoked_at": None,
    "api_tokens.read_noted_at": None,
    "idempotent_answers.status": 200,
    "webhook_endpoints.url": "https://{marker}.test/hooks/{which}",
    "webhook_endpoints.events": list(EVENTS),
    "webhook_endpoints.secret_sealed": "",
    "webhook_endpoints.old_secret_sealed": "",
    "webhook_endpoints.enabled": True,
    "webhook_endpoints.deleted_at": None,
    "webhook_deliveries.status": "delivered",
    "history_imports.state": "done",
    "history_imports.stage": "done",
    "imported_charges.card_last4": "4242",
    "starts.dns": {},
    "starts.stripe_mails": "off",
    "reports.kind": lambda which: "switchover" if which == SWITCHOVER else "dry_run",
    "reports.state": "done",
    "reports.mode": "recover",
    "reports.summary": lambda which: SWITCH if which == SWITCHOVER else DRY_RUN,
    "report_lines.body": lambda which: OWNED if which == SWITCHOVER else REPLAYED,
    "campaign_key": DEFAULT.key,
    "campaign_version": DEFAULT.version,
    "currency": "usd",
    "paid_hours": [],
    "warnings": [],
    "fixes": [],
    "invoice_ids": [],
}

# Tables whose rows hold no word of the company's: ids, numbers, digests, and what stands above.
WORDLESS = {"account_lessons", "record_heads", "suppressions"}


def token_of(marker: str, which: int) -> str:
    """The text of a company's API token: 0 sees every account of it, 1 its second alone."""
    return TEST + sha256(f"{marker} {which}".encode()).hexdigest()[:48]


def device_of(marker: str, which: int) -> str:
    """What a passkey, or its holder, is known by: base64url."""
    return urlsafe_b64encode(f"{marker} {which}".encode()).decode().rstrip("=")


def version_of(marker: str, which: int) -> str:
    """A name of a version: sixteen hex digits, the first no digit, for those may be an id."""
    return "f" + sha256(f"{marker} model {which}".encode()).hexdigest()[:15]
