"""From facts to one proposed retry: posterior, plan, exploration, and the sentence for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning.assessment import Assessment
from recover.dunning.campaign import Campaign
from recover.dunning.declines import Pace
from recover.dunning.engine.arrays import Ints
from recover.dunning.engine.model import Model
from recover.dunning.engine.planner import Plan, PlanningProblem, candidate_hours
from recover.dunning.engine.posterior import Posterior, case_posterior
from recover.dunning.engine.reason_wording import no_retry_sentence, retry_clause
from recover.dunning.facts import Facts, Trigger
from recover.dunning.local_time import local
from recover.dunning.retry_budget import STRIPE_GRACE, caps_clear_at, gap_ends_at
from recover.dunning.timing import Proposal, Retry

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetryQuestion:
    """One case whose next retry is to be planned."""

    facts: Facts
    campaign: Campaign
    problem: PlanningProblem  # with those of the allowed hours that have not passed
    allowed_hours: Ints
    not_before: datetime | None  # the bank's wish


@dataclass(frozen=True, slots=True)
class Exploration:
    """``draw`` in [0, 1) decides whether a random allowed hour is taken; None: never."""

    share: float = 0.0  # e: of the retries, how many are made at a random allowed hour
    draw: float | None = None  # u


def retry_question(
    facts: Facts, campaign: Campaign, now: datetime, model: Model, assessment: Assessment
) -> RetryQuestion:
    posterior = case_posterior(facts, model, campaign.window, assessment)
    latest, rule = assessment.latest_failure, assessment.latest_rule or assessment.current_rule
    not_before = latest.at + rule.not_before if latest and rule.not_before else None
    allowed = _allowed_hours(posterior, campaign, assessment, not_before)
    # The hour we are in stays a candidate, so that a due retry is due and not put off again.
    this_hour = posterior.grid.hour_of(now, facts.timezone)
    problem = PlanningProblem(
        posterior,
        allowed[allowed.searchsorted(this_hour) :],
        max_retries=_retries_left(assessment, campaign),
        gap=-(-campaign.min_gap // _HOUR),
    )
    return RetryQuestion(facts, campaign, problem, allowed, not_before)


def proposal_from(
    question: RetryQuestion, plan: Plan, exploration: Exploration, warnings: tuple[str, ...] = ()
) -> Proposal:
    """The plan's first retry, or a random one to learn from; with reason, chance and propensity."""
    posterior, timezone = question.problem.posterior, question.facts.timezone
    version = posterior.model.version
    if not plan.hours:
        why = _why_no_retry(question)
        return Proposal(None, why, plan_chance=0.0, warnings=warnings, model=version)
    best = plan.hours[0]
    hour, propensity = _chosen_hour(best, question.allowed_hours, exploration)
    at = posterior.grid.moment(hour, timezone)
    reason, chance = retry_clause(posterior, hour, bank_asked=_bank_set_the_hour(question, at))
    if hour != best:
        reason = f"this hour is tried to learn from it; {reason}"
    return Proposal(
        Retry(at, reason),
        reason,
        chance,
        plan=tuple([posterior.grid.moment(planned, timezone) for planned in plan.hours]),
        plan_chance=plan.chance,
        propensity=propensity,
        choices=len(question.allowed_hours),
        warnings=warnings,
        model=version,
    )


def _why_no_retry(question: RetryQuestion) -> str:
    posterior, hours = question.problem.posterior, question.problem.hours
    if not question.problem.max_retries:
        return f"All {question.campaign.max_retries} scheduled retries are used."
    if not len(hours):
        return "The window leaves no hour in which a further try is allowed."
    sample = hours[:: max(1, len(hours) // 8)]
    best_chance = max(posterior.success_chance(int(hour)) for hour in sample)
    return no_retry_sentence(best_chance, posterior.attempts)


def _retries_left(assessment: Assessment, campaign: Campaign) -> int:
    ours = [past for past in assessment.made if past.trigger is Trigger.SCHEDULE]
    return max(0, campaign.max_retries - len(ours))


def _allowed_hours(
    posterior: Posterior, campaign: Campaign, assessment: Assessment, not_before: datetime | None
) -> Ints:
    """Candidate hours under the gap, the caps, the bank's wish, the window and Stripe's retry.

    They follow from the facts alone, not from the time of asking: so an exploration chooses among
    the same hours whenever it is asked for.
    """
    facts, grid = posterior.facts, posterior.grid
    rule = assessment.latest_rule or assessment.current_rule
    last_at = max([past.at for past in assessment.made], default=facts.failed_at)
    earliest = max(
        caps_clear_at(facts, last_at),
        gap_ends_at(facts, campaign, rule) or last_at,
        not_before or last_at,
    )
    start = _first_full_hour(posterior, earliest)
    end = grid.hour_of(facts.failed_at + campaign.window - _HOUR, facts.timezone) + 1
    fine = rule.pace is Pace.SOON or rule.code == "try_again_later"
    return _clear_of_stripe(candidate_hours(posterior, start, end, fine=fine), posterior, campaign)


def _first_full_hour(posterior: Posterior, at: datetime) -> int:
    """The first hour of the grid that begins at ``at`` or later."""
    there = local(at, posterior.facts.timezone)
    begins_then = not (there.minute or there.second or there.microsecond)
    return posterior.grid.hour_of_local(there) + (not begins_then)


def _bank_set_the_hour(question: RetryQuestion, at: datetime) -> bool:
    """True where the retry comes within a day after the time that the bank asked to wait for."""
    not_before = question.not_before
    return not_before is not None and at - not_before < timedelta(hours=24)


def _clear_of_stripe(hours: Ints, posterior: Posterior, campaign: Campaign) -> Ints:
    """Without the hours too near to Stripe's own next retry."""
    facts, grid = posterior.facts, posterior.grid
    stripe_at = facts.next_stripe_attempt_at
    if stripe_at is None:
        return hours
    last_before = grid.hour_of(stripe_at - campaign.min_gap, facts.timezone)
    wait = max(STRIPE_GRACE, campaign.min_gap)
    blocked_until = grid.hour_of(stripe_at + wait, facts.timezone)
    return hours[(hours <= last_before) | (hours > blocked_until)]


def _chosen_hour(best: int, allowed: Ints, exploration: Exploration) -> tuple[int, float]:
    """(hour, propensity): the best hour, or with chance ``share`` any allowed one.

    The draws below ``share`` are dealt out to the allowed hours in equal parts, the others go to
    the best hour. The propensity q of an hour is the part of all draws that lead to it.
    """
    share, draw = exploration.share, exploration.draw
    if draw is None:
        return best, 1.0
    part = share / len(allowed)
    explores = share > 0 and draw < share
    hour = int(allowed[min(int(draw / part), len(allowed) - 1)]) if explores else best
    return hour, part + (1 - share) * (hour == best)
