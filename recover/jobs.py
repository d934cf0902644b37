"""What RQ runs: ids in, one call each. Every job may be lost, repeated or late; none minds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

from recover import (
    accounts,
    cards,
    config,
    delivery,
    dry_run,
    importing,
    learning,
    record,
    reports,
    steps,
    sweep,
)
from recover.checklist import going_live, sightings
from recover.errors import RecoverError, StripeAccessLost, TransientError
from recover.models import Account
from recover.services import CHORES, Services, build

log = logging.getLogger(__name__)


@cache
def services() -> Services:
    """This process's services, built at its first job: nothing is shared across a fork."""
    loaded = config.load()
    logging.basicConfig(level=loaded.log_level, format="%(levelname)s %(name)s %(message)s")
    return build(loaded)


def run_due() -> int:
    """Claim the cases that are due and put each on the queue. How many."""
    here, count = services(), 0
    while claimed := steps.claim_due(here):
        for case_id in claimed:
            here.enqueue("run_step", case_id)
        count += len(claimed)
    return count


def run_step(case_id: int) -> None:
    here = services()
    try:
        steps.step(here, case_id)
    except StripeAccessLost as error:
        accounts.note_trouble(here, steps.account_id_of(here, case_id), str(error))
        steps.back_off(here, case_id, error)
    except Exception as error:
        steps.back_off(here, case_id, error)  # or it would come back every few minutes for ever
        raise


def send_messages() -> int:
    here = services()
    here.enqueue.silence("send_messages")
    return delivery.send_due(here)


def sweep_all() -> None:
    _for_each_account("sweep_account")


def sweep_account(account_id: int) -> None:
    _with_account(account_id, sweep.sweep)


def scan_all() -> None:
    _for_each_account("scan_account")


def scan_account(account_id: int) -> None:
    _with_account(account_id, cards.scan)


def learn_all() -> None:
    _for_each_account("learn_account")


def learn_account(account_id: int) -> None:
    _with_account(account_id, learning.learn)


def import_histories() -> None:
    """Ring for every past that is still to be read, also after a worker's death."""
    here = services()
    for account_id in importing.due(here):
        here.enqueue("import_history", account_id, queue=CHORES)


def import_history(account_id: int) -> None:
    here = services()
    if importing.slice_(here, account_id):
        here.enqueue("import_history", account_id, queue=CHORES)
    else:
        dry_run.first(here, account_id)


def work_reports() -> None:
    """Ring for every report that nobody works on; note first webhooks before they are forgotten."""
    here = services()
    sightings.keep_first_webhooks(here)
    for report_id in reports.due(here):
        here.enqueue("work_report", report_id, queue=CHORES)


def work_report(report_id: int) -> None:
    here = services()
    report = reports.claim(here, report_id)
    if report is None:
        return
    try:
        (dry_run if report.kind == reports.DRY_RUN else going_live).work(here, report)
    except RecoverError as error:
        reports.failed(here, report, error)


def seal_record() -> int:
    return record.seal(services().db)


def _for_each_account(job: str) -> None:
    here = services()
    for account in accounts.connected(here):
        here.enqueue(job, account.id, queue=CHORES)


def _with_account(account_id: int, work: Callable[[Services, Account], object]) -> None:
    here = services()
    with here.db.read() as session:
        account = session.get_one(Account, account_id)
    try:
        work(here, account)
        accounts.note_trouble(here, account_id, "")
    except StripeAccessLost as error:
        accounts.note_trouble(here, account_id, str(error))
    except TransientError as error:
        log.warning("account %s: %s; the next round tries again", account_id, error)
