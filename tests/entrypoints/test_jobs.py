"""What stands on a queue may be lost or strange: the database is the to-do list."""

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from sqlalchemy import select
from webhook_cast import event

from recover.entrypoints import jobs
from recover.models import StripeEvent
from recover.services import STEPS, job_path

pytestmark = pytest.mark.both_databases  # claims, leases and locks


@pytest.fixture
def queue(services, monkeypatch):
    monkeypatch.setattr(jobs, "services", lambda: services)
    with Redis.from_url(services.settings.redis_url) as redis:
        yield Queue(STEPS, connection=redis)


@pytest.fixture
def waiting(services, account):
    """An event that is still to be handled, of a type that asks nothing of Stripe."""
    with services.db.begin() as session:
        row = StripeEvent(
            account_id=account.id,
            stripe_event_id=event()["id"],
            type="plan.created",
            object_id="plan_1",
            stripe_customer_id="",
            created_at=services.now(),
            received_at=services.now(),
            status="received",
            due_at=services.now(),
        )
        session.add(row)


def worked(queue):
    """Have one worker of the Procfile's kind run all that is queued."""
    return SimpleWorker([queue], connection=queue.connection).work(burst=True)


def statuses(services):
    with services.db.read() as session:
        return list(session.scalars(select(StripeEvent.status)))


# Where jobs were once found: a module that is gone, a function that is gone, a package that is.
# In words, so that whoever renames modules leaves them alone.
@pytest.mark.parametrize(
    "path", ["webhooks jobs drain_inbox", "recover jobs run_due", "reclaim jobs run_due"]
)
def test_a_job_whose_function_is_gone_harms_nobody(services, queue, waiting, path):
    """An update may find jobs on the queue that bear the paths of the version before."""
    gone = queue.enqueue(path.replace(" ", "."), 7, result_ttl=0)
    last = queue.enqueue(job_path("seal_audit_log"), result_ttl=0)

    assert worked(queue)

    assert gone.get_status() == "failed"
    assert queue.failed_job_registry.get_job_ids() == [gone.id]
    assert not Job.exists(last.id, queue.connection)  # it ran, and left no result
    assert queue.count == 0
    assert statuses(services) == ["received"]  # nothing is lost: it is still to be done

    queue.enqueue(jobs.drain_inbox, result_ttl=0)  # the clock queues it again
    assert worked(queue)
    assert statuses(services) == ["done"]


def test_a_job_about_rows_that_are_gone_does_not_stop_the_worker(services, queue, waiting):
    gone = queue.enqueue(job_path("run_step"), 999, result_ttl=0)
    queue.enqueue(job_path("drain_inbox"), result_ttl=0)

    assert worked(queue)

    assert gone.get_status() == "failed"
    assert statuses(services) == ["done"]
