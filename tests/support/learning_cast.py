"""Finished cases with one retry each, as rows: what an account's nights learn from."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from sqlalchemy import func, insert, select

from recover.dunning import DEFAULT, Outcome, Trigger
from recover.models import Account, Attempt, RecoveryCase, RetryModel

PAST = DEFAULT.window + timedelta(days=1)


def at_times(after, dice):
    """A world not far from the prior's: every third try succeeds, later ones more often."""
    return dice.random() < 0.25 + 0.2 * (after > timedelta(days=6))


def always(after, dice):
    return True


def add_cases(services, account, count, succeeds=at_times, *, age=PAST, state="exhausted", **retry):
    """``count`` cases that first failed ``age`` ago, each an hour before the one added before it.

    ``retry`` are further fields of every second try, such as another card.
    """
    with services.db.begin() as session:
        first = (session.scalar(select(func.max(RecoveryCase.id))) or 0) + 1
        numbers = range(first, first + count)
        made = [_case(services, account, number, age, state) for number in numbers]
        session.execute(insert(RecoveryCase), made)
        tries = []
        for case in made:
            dice = Random(case["id"])
            after = timedelta(hours=dice.uniform(13, 400))
            outcome = "succeeded" if succeeds(after, dice) else "failed"
            second = _try(case, case["failed_at"] + after, Trigger.SCHEDULE, outcome)
            tries += [_try(case, case["failed_at"], Trigger.STRIPE, "failed"), second | retry]
        session.execute(insert(Attempt), tries)
    return [case["id"] for case in made]


def _case(services, account, number, age, state):
    failed_at = services.now() - age - timedelta(hours=number)
    return {
        "id": number,
        "account_id": account.id,
        "stripe_invoice_id": f"in_{number}",
        "stripe_customer_id": f"cus_{number}",
        "customer_name": f"Customer {number}",
        "currency": "usd",
        "amount_minor": 2900,
        "amount_remaining_minor": 2900,
        "state": state,
        "campaign_key": DEFAULT.key,
        "campaign_version": DEFAULT.version,
        "timezone": "America/New_York",
        "failed_at": failed_at,
        "opened_at": failed_at,
    }


def _try(case, at, trigger, outcome):
    return {
        "account_id": case["account_id"],
        "case_id": case["id"],
        "trigger": trigger,
        "outcome": outcome,
        "amount_minor": 2900,
        "currency": "usd",
        "payment_method_id": f"pm_{case['id']}",
        "card_type": "card",
        "card_fingerprint": f"card-{case['id']}",
        "card_brand": "visa",
        "card_funding": "debit",
        "card_country": "US",
        "card_last4": "4242",
        "card_exp_month": 11,
        "card_exp_year": 2030,
        "error_code": "" if outcome == Outcome.SUCCEEDED else "card_declined",
        "decline_code": "" if outcome == Outcome.SUCCEEDED else "generic_decline",
        "attempted_at": at,
    }


def rows(services, account):
    with services.db.read() as session:
        query = select(RetryModel).where(RetryModel.account_id == account.id)
        return list(session.scalars(query.order_by(RetryModel.id)))


def again(services, account):
    """The account as it stands in the database now."""
    with services.db.read() as session:
        return session.get_one(Account, account.id)
