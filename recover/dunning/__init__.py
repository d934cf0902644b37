"""The pure core: it decides and touches nothing. No I/O, no clock, no hidden randomness.

decide(facts, campaign, timing, now)   one step of a case
plan(facts, campaign, timing, now)     a preview of all steps to come
fixes(stripe_side, our_side)           what reconciliation has to do
opens_case(invoice)                    when a case opens at all
credit(attempts, winner)               who won an invoice back
"""

from __future__ import annotations

from recover.dunning.assessment import current_rule, rule_of
from recover.dunning.attribution import Credit, Source, credit
from recover.dunning.campaign import DEFAULT, Campaign, Leavers, Step, campaign
from recover.dunning.decisions import (
    CaseState,
    CloseReason,
    Decision,
    EndOfDunning,
    RetryPayment,
    SendMessage,
    Stop,
    Wait,
)
from recover.dunning.declines import (
    HARD_CODES,
    SUBSCRIBER_REASONS,
    DeclineCategory,
    DeclineRule,
    Pace,
    classify,
)
from recover.dunning.facts import (
    Card,
    CardUse,
    Decline,
    Facts,
    IssuerAnswer,
    Outcome,
    PastAttempt,
    PastMessage,
    RetryMode,
    Trigger,
)
from recover.dunning.network_rules import NetworkRules, rules_for
from recover.dunning.policy import decide, window_ends_at
from recover.dunning.preview import plan
from recover.dunning.reconciliation import (
    CaseSnapshot,
    Fix,
    InvoiceState,
    MissingOnStripe,
    OpenCase,
    Opening,
    SyncCase,
    fixes,
    opens_case,
)
from recover.dunning.retry_budget import Allowance, allowance
from recover.dunning.retry_schedule import planned_retry
from recover.dunning.timing import FixedTiming, Proposal, Retry, Timing, TimingKind

__all__ = [
    "DEFAULT",
    "HARD_CODES",
    "SUBSCRIBER_REASONS",
    "Allowance",
    "Campaign",
    "Card",
    "CardUse",
    "CaseSnapshot",
    "CaseState",
    "CloseReason",
    "Credit",
    "Decision",
    "Decline",
    "DeclineCategory",
    "DeclineRule",
    "EndOfDunning",
    "Facts",
    "Fix",
    "FixedTiming",
    "InvoiceState",
    "IssuerAnswer",
    "Leavers",
    "MissingOnStripe",
    "NetworkRules",
    "OpenCase",
    "Opening",
    "Outcome",
    "Pace",
    "PastAttempt",
    "PastMessage",
    "Proposal",
    "Retry",
    "RetryMode",
    "RetryPayment",
    "SendMessage",
    "Source",
    "Step",
    "Stop",
    "SyncCase",
    "Timing",
    "TimingKind",
    "Trigger",
    "Wait",
    "allowance",
    "campaign",
    "classify",
    "credit",
    "current_rule",
    "decide",
    "fixes",
    "opens_case",
    "plan",
    "planned_retry",
    "rule_of",
    "rules_for",
    "window_ends_at",
]
