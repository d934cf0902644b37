"""The jobs that RQ runs. Each takes ids and may be lost, repeated or late without harm."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

from recover.accounts import connections, disconnecting, upkeep
from recover.compliance import audit_log, audit_verification, key_rotation, retention
from recover.foundation import config
from recover.foundation.errors import RecoverError, StripeAccessLost, TransientError
from recover.integrations import idempotency_keys, webhook_delivery
from recover.learning import training
from recover.messages.company import alerts
from recover.messages.company import delivery as company_delivery
from recover.messages.subscriber import delivery as subscriber_delivery
from recover.messages.subscriber import expiring_cards
from recover.models import Account, ReportKind
from recover.onboarding import dry_run, history_import
from recover.onboarding.checklist import going_live, stripe_signs
from recover.reporting import background_reports
from recover.services import CHORES, Services, build
from recover.workflow import disputes, end_of_dunning, reconciliation, steps
from webhooks import inbox

log = logging.getLogger(__name__)


@cache
def services() -> Services:
    """This process's services, built at its first job: nothing is shared across a fork."""
    loaded = config.load()
    logging.basicConfig(level=loaded.log_level, format="%(levelname)s %(name)s %(message)s")
    built = build(loaded)
    for text in key_rotation.warnings(built.db, built.vault):
        log.warning(text)
    return built


def drain_inbox() -> int:
    """Handle the events that Stripe sent. How many were handled."""
    here = services()
    drained = inbox.drain(here)
    if drained.left:
        here.enqueue("drain_inbox")
    return drained.done


def forget_events() -> int:
    """Delete Stripe's events that were handled long ago. How many."""
    return inbox.forget(services())


def run_due() -> int:
    """Claim the cases that are due and put each on the queue. How many."""
    here, count = services(), 0
    while claimed := steps.claim_due(here):
        for case_id in claimed:
            here.enqueue("run_step", case_id)
        count += len(claimed)
    return count


def run_step(case_id: int) -> None:
    """Do what is due for one case. Any error puts the case off; an unforeseen one is raised too."""
    here = services()
    try:
        steps.run(here, case_id)
    except StripeAccessLost as error:
        connections.note_trouble(here, steps.account_id_of(here, case_id), str(error))
        steps.back_off(here, case_id, error)
    except Exception as error:
        steps.back_off(here, case_id, error)  # else it would fall due every few minutes for ever
        raise


def send_messages() -> int:
    """Send the due mails to subscribers. How many were handled."""
    here = services()
    here.enqueue.allow_again("send_messages")
    return subscriber_delivery.send_due(here)


def end_dunning() -> int:
    """Do on Stripe what exhausted cases call for. How many were handled."""
    here = services()
    here.enqueue.allow_again("end_dunning")
    found = end_of_dunning.due(here)
    for ending_id in found:
        try:
            end_of_dunning.carry_out(here, ending_id)
        except StripeAccessLost as error:
            connections.note_trouble(
                here, end_of_dunning.account_id_of(here, ending_id), str(error)
            )
    return len(found)


def reconcile_all() -> None:
    _for_each_account("reconcile_account")


def reconcile_account(account_id: int) -> None:
    _with_account(account_id, reconciliation.reconcile)


def scan_all() -> None:
    _for_each_account("scan_account")


def scan_account(account_id: int) -> None:
    _with_account(account_id, expiring_cards.scan)


def watch_disputes_all() -> None:
    _for_each_account("watch_disputes")


def watch_disputes(account_id: int) -> None:
    _with_account(account_id, disputes.watch)


def look_after_all() -> None:
    _for_each_account("look_after_account")


def look_after_account(account_id: int) -> None:
    _with_account(account_id, upkeep.look_after)


def learn_all() -> None:
    _for_each_account("learn_account")


def learn_account(account_id: int) -> None:
    _with_account(account_id, training.learn)


def notify() -> int:
    """Mail companies' own people about trouble. How many mails were handled."""
    return _notify(digests=False)


def notify_mornings() -> int:
    """Mail them about trouble, and send the digests wherever it is morning."""
    return _notify(digests=True)


def _notify(*, digests: bool) -> int:
    here = services()
    alerts.write_due(here, digests=digests)
    return company_delivery.send_due(here)


def import_histories() -> None:
    """Queue every history import that is not finished, also one whose worker died."""
    here = services()
    for account_id in history_import.due(here):
        here.enqueue("import_history", account_id, queue=CHORES)


def import_history(account_id: int) -> None:
    here = services()
    if history_import.import_slice(here, account_id):
        here.enqueue("import_history", account_id, queue=CHORES)
    else:
        dry_run.request_first(here, account_id)


def work_reports() -> None:
    """Queue every report that nobody works on.

    Also notes each account's first webhook, before `forget_events` deletes it.
    """
    here = services()
    stripe_signs.keep_first_webhooks(here)
    for report_id in background_reports.due(here):
        here.enqueue("work_report", report_id, queue=CHORES)


def work_report(report_id: int) -> None:
    here = services()
    report = background_reports.claim(here, report_id)
    if report is None:
        return
    try:
        (dry_run if report.kind == ReportKind.DRY_RUN else going_live).work(here, report)
    except RecoverError as error:
        background_reports.failed(here, report, error)


def seal_audit_log() -> int:
    return audit_log.seal(services().db)


def finish_disconnecting() -> int:
    return disconnecting.finish_disconnecting(services())


def verify_audit_log() -> None:
    here = services()
    for chain in audit_verification.chains(here.db):
        here.enqueue("verify_chain", chain, queue=CHORES)


def verify_chain(chain: str) -> None:
    here = services()
    found = audit_verification.check(here.db, chain, here.now())
    audit_verification.store_result(here.db, found, here.now())
    if found.fault:
        log.error("the audit log was changed after it was written: %s", found.fault)


def retain_all() -> None:
    """Queue the erasure of what companies no longer keep, by their retention settings."""
    here = services()
    with here.db.read() as session:
        ids = retention.companies(session)
    for company_id in ids:
        here.enqueue("retain_company", company_id, queue=CHORES)


def retain_company(company_id: int) -> None:
    retention.run(services(), company_id)


def send_events() -> int:
    """Deliver events to the companies' own webhook endpoints. How many deliveries were made."""
    return webhook_delivery.send_due(services())


def forget_calls() -> int:
    """Delete old webhook events and the answers kept for idempotency keys. How many."""
    here = services()
    return webhook_delivery.forget(here) + idempotency_keys.forget(here)


def _for_each_account(job: str) -> None:
    here = services()
    for account in connections.all_connected(here):
        here.enqueue(job, account.id, queue=CHORES)


def _with_account(account_id: int, work: Callable[[Services, Account], object]) -> None:
    here = services()
    with here.db.read() as session:
        account = session.get_one(Account, account_id)
    try:
        work(here, account)
        connections.note_trouble(here, account_id, "")
    except StripeAccessLost as error:
        connections.note_trouble(here, account_id, str(error))
    except TransientError as error:
        log.warning("account %s: %s; the next round tries again", account_id, error)
