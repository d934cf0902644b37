"""Which mail is due, and when it may leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning.assessment import current_rule, failure_count, is_leaving
from recover.dunning.campaign import Campaign, Leavers, Step
from recover.dunning.decisions import SendMessage
from recover.dunning.declines import DeclineCategory, DeclineRule
from recover.dunning.facts import Facts
from recover.dunning.local_time import next_opening
from recover.dunning.wording import moment, ordinal, span

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class PlannedMail:
    step: Step
    at: datetime  # not after `now` means now


def planned_mail(facts: Facts, campaign: Campaign, now: datetime) -> PlannedMail | None:
    """The mail to send next and when; None where no step is left or nothing may be sent.

    Of several overdue steps only the latest is sent; the older ones are skipped for good.
    """
    if not facts.has_email or facts.suppressed or _left_in_peace(facts, campaign):
        return None
    rule, sent = current_rule(facts), {past.step for past in facts.messages}
    due = {s: facts.failed_at + _delay(s, facts) for s in campaign.steps if _fits(s, rule)}
    overdue = [step for step, at in due.items() if at <= now]
    if overdue:
        latest = max(overdue, key=lambda step: step.after)
        if latest.key not in sent:
            return PlannedMail(latest, earliest_mail(facts, campaign, now))
    ahead = {step: at for step, at in due.items() if at > now and step.key not in sent}
    if not ahead:
        return None
    step = min(ahead, key=lambda step: ahead[step])
    return PlannedMail(step, earliest_mail(facts, campaign, ahead[step]))


def _left_in_peace(facts: Facts, campaign: Campaign) -> bool:
    """The customer is leaving, and by the settings gets no mail about it, or had the only one."""
    if not is_leaving(facts) or campaign.leavers is Leavers.AS_USUAL:
        return False
    had_one = any(past.step for past in facts.messages)
    return had_one or campaign.leavers is Leavers.LEAVE_ALONE


def _fits(step: Step, rule: DeclineRule) -> bool:
    """True where the step is meant for what the current decline calls for."""
    return rule.category in step.categories and (
        not step.reasons or rule.subscriber_reason in step.reasons
    )


def _delay(step: Step, facts: Facts) -> timedelta:
    """After the first failure: `at_latest` until the invoice has failed often enough."""
    if step.at_latest is None or failure_count(facts) >= step.failures:
        return step.after
    return step.at_latest


def earliest_mail(facts: Facts, campaign: Campaign, at: datetime) -> datetime:
    """The first moment from ``at`` on that the caps and the subscriber's hours allow."""
    times = sorted(past.at for past in facts.messages)
    if times:
        at = max(at, times[-1] + campaign.message_gap)
    if len(times) >= campaign.messages_per_week:
        at = max(at, times[-campaign.messages_per_week] + WEEK)
    return next_opening(at, campaign.send_from_hour, campaign.send_until_hour, facts.timezone)


def due_mail(facts: Facts, planned: PlannedMail | None, now: datetime) -> SendMessage | None:
    if planned is None or planned.at > now:
        return None
    return SendMessage(planned.step.key, planned.step.template, _reason(facts, now))


def _reason(facts: Facts, now: datetime) -> str:
    rule = current_rule(facts)
    nth = ordinal(1 + sum(bool(past.step) for past in facts.messages))
    length = span(now - facts.failed_at)
    head = (
        f"{moment(now, facts.timezone)}: {nth} mail about this invoice, {length} after it failed."
    )
    return f"{head} {rule.text} {_WHY[rule.category]}"


_WHY = {
    DeclineCategory.RETRY_LATER: "Retries alone have not mended it so far.",
    DeclineCategory.NEW_PAYMENT_METHOD: "Only other payment details can mend it.",
    DeclineCategory.CUSTOMER_ACTION: "Only the customer can mend it.",
    DeclineCategory.NEVER: "This card will not be charged again; another one can pay.",
}
