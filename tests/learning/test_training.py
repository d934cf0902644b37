"""What the nights make of an account's past: versions, refusals, and going back, on real rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from learning_cast import add_cases, again, always, rows
from rq import cron
from sqlalchemy import event, update

from recover.accounts import connections
from recover.dunning import DEFAULT, Outcome, Trigger
from recover.dunning.engine import Model
from recover.entrypoints import clock, jobs
from recover.foundation.errors import PermanentError
from recover.learning import timing_in_force, training, training_data
from recover.models import Account, AccountEvidence, Attempt, RecoveryCase, RetryModel


@pytest.fixture(autouse=True)
def engine_decides(services, account):
    connections.set_retries(services, account.id, {"timing": "engine"})
    timing_in_force._engines.clear()


@pytest.fixture
def second(services, company):
    with services.db.begin() as session:
        row = Account(
            connection="key",
            company_id=company.id,
            stripe_account_id="acct_second",
            livemode=False,
            hook_token="hook-of-second",
            mode="recover",
            campaign_key=DEFAULT.key,
            campaign_version=DEFAULT.version,
            name="Second",
            timezone="UTC",
            connected_at=services.now(),
        )
        session.add(row)
    return row


def learn(services, account):
    return training.learn(services, again(services, account))


def told(services, account):
    with services.db.read() as session:
        return list(training_data.outcomes(session, account, services.now(), DEFAULT.window))


def in_use(services, account):
    with services.db.read() as session:
        return timing_in_force.engine_of(session, again(services, account))


def test_a_night_makes_a_version_and_uses_it(services, account):
    add_cases(services, account, 300)
    row = learn(services, account)
    assert row.accepted
    assert "Learned from" in row.reason
    assert row.figures["used"] + row.figures["held_out"] == 300
    assert row.figures["loss_after"] < row.figures["loss_before"]
    assert row.made_at == services.now()
    assert again(services, account).model_id == row.id
    engine = in_use(services, account)
    assert engine.model.version == row.version
    assert engine.warning == ""
    assert engine.model.seen == row.figures["used"]
    assert engine.model.parent == Model.prior().version


def test_only_cases_whose_window_is_over_are_told(services, account):
    add_cases(services, account, 40)
    add_cases(services, account, 40, age=timedelta(hours=-30), state="open")
    open_ids = add_cases(services, account, 40, age=timedelta(days=10), state="open")
    outcomes = told(services, account)
    assert len(outcomes) == 40
    youngest = max(outcome.facts.failed_at for outcome in outcomes)
    assert youngest <= services.now() - DEFAULT.window
    assert open_ids


def test_open_cases_alone_teach_nothing(services, account):
    add_cases(services, account, 40, age=timedelta(days=10), state="open")
    assert learn(services, account) is None
    assert rows(services, account) == []
    assert again(services, account).model_id is None


def test_outcomes_carry_the_facts_as_they_were(services, account):
    [case_id] = add_cases(services, account, 1, always)
    [outcome] = told(services, account)
    with services.db.read() as session:
        case = session.get_one(RecoveryCase, case_id)
    facts = outcome.facts
    assert outcome.succeeded
    assert (facts.failed_at, facts.timezone) == (case.failed_at, "America/New_York")
    assert (facts.amount_remaining_minor, facts.currency) == (2900, "usd")
    assert [past.outcome for past in facts.attempts] == [Outcome.FAILED]
    assert (facts.card.brand, facts.card.funding, facts.card.country) == ("visa", "debit", "US")


def test_stripe_s_own_retries_are_lessons_too(services, account):
    add_cases(services, account, 3, trigger=Trigger.STRIPE)
    assert len(told(services, account)) == 3


@pytest.mark.parametrize(
    "retry",
    [
        {"outcome": Outcome.OBSERVED},
        {"outcome": Outcome.ABANDONED},
        {"outcome": Outcome.PENDING},
        {"outcome": Outcome.REQUIRES_ACTION},
        {"payment_method_id": "pm_new", "card_fingerprint": "another"},
        {"card_exp_year": 2033},  # the same card, renewed
        {"payment_method_id": ""},
    ],
    ids=["observed", "abandoned", "pending", "asks", "another card", "renewed card", "no card"],
)
def test_what_says_nothing_of_a_retry_on_the_same_card_is_no_lesson(services, account, retry):
    add_cases(services, account, 3, **retry)
    assert told(services, account) == []
    assert learn(services, account) is None


def test_an_account_s_lessons_are_its_own(services, account, second):
    add_cases(services, account, 5)
    assert told(services, second) == []


def test_a_night_without_news_changes_nothing(services, account):
    add_cases(services, account, 200)
    first = learn(services, account)
    assert learn(services, account) is None
    assert [row.id for row in rows(services, account)] == [first.id]


def test_a_night_that_died_at_its_commit_is_simply_repeated(services, account):
    add_cases(services, account, 200)

    def dies(_):
        raise ConnectionError("the power is gone")

    event.listen(services.db.sessions, "before_commit", dies)
    with pytest.raises(ConnectionError):
        learn(services, account)
    event.remove(services.db.sessions, "before_commit", dies)
    assert rows(services, account) == []
    with services.db.read() as session:
        assert session.get(AccountEvidence, account.id) is None
    row = learn(services, account)
    assert [one.version for one in rows(services, account)] == [row.version]
    assert again(services, account).model_id == row.id


def test_two_nights_at_once_make_one_version(services, account):
    add_cases(services, account, 200)
    stale = again(services, account)
    training.learn(services, stale)
    training.learn(services, stale)
    assert len(rows(services, account)) == 1


def test_more_outcomes_make_a_further_version(services, account):
    add_cases(services, account, 200)
    first = learn(services, account)
    add_cases(services, account, 200)
    then = learn(services, account)
    assert then.parent_id == first.id
    assert then.version != first.version
    assert again(services, account).model_id == then.id


def test_what_looks_wrong_is_refused_kept_and_not_used(services, account):
    add_cases(services, account, 150)
    sound = learn(services, account)
    add_cases(services, account, 1200, always)
    refused = learn(services, account)
    assert not refused.accepted
    assert "something is wrong" in refused.reason
    assert (refused.version, refused.body) == ("", "")
    assert refused.figures["largest"] in refused.reason
    assert again(services, account).model_id == sound.id
    assert learn(services, account) is None  # the same refusal is said once
    with pytest.raises(PermanentError):
        training.pin(services, account.id, refused.id)
    with pytest.raises(PermanentError, match="refused"):
        training.compare(sound, refused)


def test_rows_put_right_are_learned_from_after_a_refusal(services, account):
    add_cases(services, account, 150)
    learn(services, account)
    wrong = add_cases(services, account, 1200, always)
    learn(services, account)
    with services.db.begin() as session:
        fields = {"outcome": "failed", "decline_code": "generic_decline"}
        mended = Attempt.case_id.in_(wrong), Attempt.id % 3 > 0
        session.execute(update(Attempt).where(*mended).values(**fields))
    assert learn(services, account).accepted


def test_a_pinned_version_stays_while_nights_go_on_learning(services, account):
    add_cases(services, account, 150)
    first = learn(services, account)
    training.pin(services, account.id, first.id)
    add_cases(services, account, 150)
    then = learn(services, account)
    assert then.accepted
    assert again(services, account).model_id == first.id
    assert learn(services, account) is None  # the same version is not kept twice
    training.unpin(services, account.id)
    followed = again(services, account)
    assert (followed.model_id, followed.model_pinned) == (then.id, False)


def test_one_can_go_back_to_the_shipped_prior(services, account):
    add_cases(services, account, 150)
    learn(services, account)
    training.pin(services, account.id, None)
    assert again(services, account).model_pinned
    assert in_use(services, account).model.same_beliefs(Model.prior())


def test_a_choice_plans_open_cases_anew(services, account):
    [case_id] = add_cases(services, account, 1, age=timedelta(days=2), state="open")
    for choose in (
        lambda: training.pin(services, account.id, None),
        lambda: training.unpin(services, account.id),
    ):
        with services.db.begin() as session:
            session.get_one(RecoveryCase, case_id).next_step_at = None
        choose()
        with services.db.read() as session:
            assert session.get_one(RecoveryCase, case_id).next_step_at == services.now()


def test_another_account_s_version_is_refused(services, account, second):
    add_cases(services, account, 150)
    row = learn(services, account)
    with pytest.raises(PermanentError, match="no version"):
        training.pin(services, second.id, row.id)
    assert again(services, second).model_id is None


def test_a_second_account_begins_with_what_the_first_taught(services, account, second):
    add_cases(services, account, 300)
    learn(services, account)
    begun = learn(services, second)
    assert begun.accepted
    assert "others here" in begun.reason
    assert begun.figures["used"] == 0
    assert training.compare(None, begun)
    assert learn(services, second) is None
    assert in_use(services, second).model.version == begun.version


def test_a_refused_night_does_not_unteach_the_others(services, account, second):
    add_cases(services, account, 300)
    learn(services, account)
    add_cases(services, account, 1200, always)
    assert not learn(services, account).accepted
    assert "others here" in learn(services, second).reason


def test_an_account_without_outcomes_teaches_nobody(services, account, second):
    assert learn(services, account) is None
    with services.db.read() as session:
        assert session.get(AccountEvidence, account.id) is None
    assert learn(services, second) is None


def test_an_account_s_own_lesson_is_left_out_of_its_prior(services, account, second):
    """Else its outcomes would count twice: with the second account empty nothing changes."""
    add_cases(services, account, 200)
    learn(services, account)
    learn(services, second)
    assert learn(services, account) is None


def test_a_damaged_version_gives_the_prior_and_a_warning_and_the_next_night_mends_it(
    services, account
):
    add_cases(services, account, 200)
    row = learn(services, account)
    with services.db.begin() as session:
        session.execute(update(RetryModel).values(body=row.body.replace("0.", "1.", 1)))
    timing_in_force._engines.clear()
    damaged = in_use(services, account)
    assert "damaged" in damaged.warning
    assert damaged.model.same_beliefs(Model.prior())
    mended = learn(services, account)
    assert mended.version == row.version
    assert again(services, account).model_id == mended.id
    assert in_use(services, account).warning == ""


def test_versions_are_listed_newest_first_and_by_pages(services, account, second):
    for _ in range(3):
        add_cases(services, account, 60)
        learn(services, account)
    newest = [row.id for row in reversed(rows(services, account))]
    with services.db.read() as session:
        assert [one.id for one in training.versions(session, account.id)] == newest
        assert [one.id for one in training.versions(session, account.id, 1, newest[1])] == newest[
            2:
        ]
        assert training.versions(session, second.id) == []


def test_every_night_rings_for_each_account(services, account, monkeypatch):
    monkeypatch.setattr(jobs, "services", lambda: services)
    jobs.learn_all()
    [queued] = services.enqueue._queues["chores"].jobs
    assert (queued.func_name, queued.args) == (
        "recover.entrypoints.jobs.learn_account",
        (account.id,),
    )
    add_cases(services, account, 150)
    queued.func(*queued.args)
    assert again(services, account).model_id == rows(services, account)[0].id


def test_the_clock_learns_every_night():
    assert clock.jobs is jobs  # importing it registers what it queues
    [nightly] = [one for one in cron._job_data_registry if one["func"] is jobs.learn_all]
    assert (nightly["queue_name"], nightly["cron"]) == ("chores", "11 3 * * *")
