"""What the database holds: a column of one of a few words stores exactly these, for ever."""

from __future__ import annotations

from enum import StrEnum

import pytest
from sqlalchemy import Enum, select, text
from sqlalchemy.exc import StatementError

from recover import dunning, models
from recover.accounts.settings import catalogue
from recover.foundation.database import Base
from recover.models import Account

pytestmark = pytest.mark.both_databases  # what each of them stores and refuses

STORED = {
    models.CardForm: ["element", "checkout"],
    models.CardUpdateStatus: ["started", "saved", "failed"],
    models.Connection: ["platform", "key"],
    models.DeliveryStatus: ["pending", "delivered", "given_up"],
    models.DisputeKind: ["dispute", "warning"],
    models.EndingStatus: ["pending", "begun", "done", "skipped", "refused", "observed"],
    models.EventStatus: ["received", "done", "parked"],
    models.ImportStage: ["invoices", "charges", "sorting", "done"],
    models.ImportState: ["running", "done", "refused", "disconnected"],
    models.LedgerKind: ["recovered", "refunded", "disputed", "corrected"],
    models.MessageStatus: [
        "pending",
        "sending",
        "sent",
        "refused",
        "uncertain",
        "skipped",
        "observed",
    ],
    models.NotificationKind: ["trouble", "parked", "exhausted", "weekly", "disputes"],
    models.NotificationStatus: ["pending", "sending", "sent", "refused", "uncertain", "skipped"],
    models.ReportKind: ["dry_run", "switchover"],
    models.ReportState: ["running", "done", "failed"],
    models.SignInMethod: ["mail", "command", "invitation", "handed", "passkey"],
    models.StripeMails: ["", "on", "off"],
    models.SuppressionReason: ["asked", "refused", "erased"],
    dunning.CaseState: ["open", "recovered", "exhausted", "closed"],
    dunning.EndOfDunning: ["leave", "cancel", "uncollectible"],
    dunning.Leavers: ["not_at_all", "once", "as_usual"],
    dunning.TimingKind: ["engine", "fixed"],
    dunning.Outcome: [
        "pending",
        "succeeded",
        "failed",
        "requires_action",
        "abandoned",
        "refused",
        "observed",
    ],
    dunning.RetryMode: ["recover", "stripe", "observe"],
    dunning.Trigger: ["stripe", "schedule", "card_update", "subscriber", "founder"],
    models.Role: ["owner", "member", "viewer"],
}
"""Of every such column."""

STORED_AS_TEXT = {
    catalogue.TestMail: ["everyone", "team"],
    dunning.CloseReason: [
        "voided",
        "uncollectible",
        "deleted",
        "subscription_ended",
        "paused",
        "nothing_owed",
        "credited",
        "not_automatic",
        "disputed",
        "fraud_warning",
        "disconnected",
        "window_over",
    ],
    dunning.Source: [
        "our_retry",
        "card_page",
        "new_card",
        "founder",
        "stripe_retry",
        "elsewhere",
        "unknown",
    ],
    dunning.DeclineCategory: ["retry_later", "new_payment_method", "customer_action", "never"],
}
"""Of columns that also hold "", where there is nothing to say yet, or lie below their words."""


@pytest.mark.parametrize("words", [*STORED, *STORED_AS_TEXT], ids=lambda it: it.__name__)
def test_the_stored_values_are_never_renamed(words: type[StrEnum]):
    assert [word.value for word in words] == (STORED | STORED_AS_TEXT)[words]


def test_every_column_of_one_of_a_few_words_is_pinned_above():
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]

    assert {column.type.enum_class for column in columns if isinstance(column.type, Enum)} == set(
        STORED
    )


def test_a_member_is_read_where_its_plain_word_is_stored(services, account):
    with services.db.begin() as session:
        assert session.execute(text("SELECT mode FROM accounts")).scalar_one() == "recover"
        assert session.scalar(select(Account.mode)) is dunning.RetryMode.RECOVER


def test_a_word_that_is_none_of_them_is_named_when_it_is_read(services, account):
    with services.db.begin() as session:
        session.execute(text("UPDATE accounts SET mode = 'pretend'"))

    with services.db.read() as session, pytest.raises(LookupError) as refused:
        session.get_one(Account, account.id)

    assert "'pretend' is not among" in str(refused.value)
    assert "retrymode" in str(refused.value)
    assert "recover, stripe, observe" in str(refused.value)


def test_a_word_that_is_none_of_them_is_not_stored(services, account):
    with services.db.read() as session:
        session.get_one(Account, account.id).mode = "pretend"
        with pytest.raises(StatementError, match="'pretend' is not among"):
            session.flush()
