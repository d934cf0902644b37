"""What is planned for a case, for people to read: each step at its time, without the waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recover.dunning import CaseState, Decision, RetryPayment, SendMessage, Stop, Wait
from recover.web import labels


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step to come."""

    at: datetime
    name: str
    tone: str
    reason: str


def planned_steps(decisions: list[Decision], now: datetime) -> list[PlannedStep]:
    """The steps of `dunning.plan`. A wait only moves the time, unless nothing comes after it."""
    found, at = [], now
    for decision in decisions:
        if isinstance(decision, Wait):
            at = decision.until
        else:
            found.append(PlannedStep(at, *_name_and_tone(decision), decision.reason))
    if decisions and isinstance(decisions[-1], Wait):
        found.append(PlannedStep(at, "Look again", "quiet", decisions[-1].reason))
    return found


def _name_and_tone(decision: Decision) -> tuple[str, str]:
    if isinstance(decision, RetryPayment):
        return "Charge the card", "warn"
    if isinstance(decision, SendMessage):
        return f"Mail: {labels.MAILS.get(decision.template, decision.template)}", "mail"
    recovered = isinstance(decision, Stop) and decision.state == CaseState.RECOVERED
    return ("Recovered", "good") if recovered else ("The case ends", "bad")
