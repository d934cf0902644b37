"""Every periodic job on one screen. Run by ``rq cron recover.entrypoints.clock``.

The clock only enqueues: what is due stands in the database, so a missed round is a late round.
"""

from rq import cron

from recover.entrypoints import jobs
from recover.services import CHORES, STEPS

cron.register(jobs.run_due, STEPS, interval=10)
cron.register(jobs.drain_inbox, STEPS, interval=15)
cron.register(jobs.send_messages, STEPS, interval=30)
cron.register(jobs.end_dunning, STEPS, interval=30)
cron.register(jobs.send_events, CHORES, interval=10)
cron.register(jobs.notify, CHORES, interval=60)
cron.register(jobs.seal_audit_log, CHORES, interval=60)
cron.register(jobs.finish_disconnecting, CHORES, interval=300)
cron.register(jobs.notify_mornings, CHORES, cron="*/10 * * * *")
cron.register(jobs.import_histories, CHORES, interval=60)
cron.register(jobs.work_reports, CHORES, interval=60)
cron.register(jobs.reconcile_all, CHORES, cron="17 * * * *")
cron.register(jobs.watch_disputes_all, CHORES, cron="27 * * * *")
cron.register(jobs.look_after_all, CHORES, cron="47 * * * *")
cron.register(jobs.forget_events, CHORES, cron="23 4 * * *")
cron.register(jobs.forget_calls, CHORES, cron="31 4 * * *")
cron.register(jobs.learn_all, CHORES, cron="11 3 * * *")
cron.register(jobs.retain_all, CHORES, cron="31 2 * * *")
cron.register(jobs.verify_audit_log, CHORES, cron="51 2 * * *")
cron.register(jobs.scan_all, CHORES, cron="41 6 * * *")
