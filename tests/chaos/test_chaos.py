"""A month of many cases, twice: once in peace, once with everything going wrong.

In the second run every event comes three times, shuffled, a tenth never; workers are killed with
SIGKILL in the middle of requests; Redis is flushed once. What counts must be the same: charges,
mails, ledger lines, and what is done on Stripe at the end. ``--chaos-cases`` says how many cases.
"""

from __future__ import annotations

import dataclasses
import random
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from recover.accounts import connections
from recover.accounts.settings import changes
from recover.models import Attempt, Ending, LedgerLine, Message, RecoveryCase
from sandbox.stage import Stage, stage
from sandbox.verdict import judge
from sandbox.world import World

DAYS = 27  # renewals within the first three, then the longest campaign
KILLS = 25
SEED = 7

pytestmark = pytest.mark.chaos


class Killer:
    """Stands in front of the pretend Stripe and kills a worker at chosen requests, before or
    after Stripe has done what was asked."""

    def __init__(self, seed: int, cases: int) -> None:
        self.rng = random.Random(seed)
        self.moments = set(self.rng.sample(range(50, 20 * cases), KILLS))
        self.killed = 0
        self.stage: Stage | None = None
        self._count = 0
        self._lock = threading.Lock()

    def wrap(self, app):
        def disturbed(environ, start_response):
            with self._lock:
                self._count += 1
                strikes = self._count in self.moments
                before = strikes and self.rng.random() < 0.5
            if before:
                self.strike()
            answer = app(environ, start_response)
            if strikes and not before:
                self.strike()
            return answer

        return disturbed

    def strike(self) -> None:
        with self._lock:
            if self.stage is not None:
                self.stage.processes.kill_one("worker", self.rng.choice)
                self.killed += 1


def play(directory: Path, cases: int, killer: Killer | None = None) -> dict[str, object]:
    calm = World.load("calm")
    world = dataclasses.replace(
        calm, billing=dataclasses.replace(calm.billing, failure_rate=1.0, legacy_sources=0.0)
    )
    with stage(
        directory,
        world=world,
        seed=SEED,
        subscribers=cases,
        days=3,
        disturb=killer.wrap if killer else None,
    ) as scene:
        flushed = False

        def mischief(moment) -> None:
            nonlocal flushed
            if killer and not flushed and scene.mailbox.received > 100:
                scene.director.redis.flushall()
                flushed = True

        [account] = connections.all_connected(scene.services)
        wanted = {"end_of_dunning": "uncollectible"}
        changes.change(scene.services, account.id, wanted, actor="command")
        if killer:
            killer.stage = scene
            scene.sandbox.webhooks.duplicate = 3
            scene.sandbox.webhooks.shuffle = True
            scene.sandbox.webhooks.lose = 0.1
        scene.director.grain = timedelta(hours=1)
        scene.director.run(scene.sandbox.clock.now() + timedelta(days=DAYS), mischief)
        if killer:
            killer.stage = None
            assert flushed
        return outcome(scene)


def outcome(scene: Stage) -> dict[str, object]:
    verdict = judge(scene.sandbox, scene.services.db, scene.mailbox.messages())
    with scene.services.db.read() as session:
        attempts = session.execute(
            select(RecoveryCase.stripe_invoice_id, func.count(Attempt.id))
            .join(Attempt, Attempt.case_id == RecoveryCase.id)
            .where(Attempt.outcome != "abandoned")
            .group_by(RecoveryCase.stripe_invoice_id)
        ).all()
        mails = session.execute(
            select(RecoveryCase.stripe_invoice_id, Message.step).join(
                RecoveryCase, RecoveryCase.id == Message.case_id
            )
        ).all()
        lines = session.execute(
            select(RecoveryCase.stripe_invoice_id, LedgerLine.source, LedgerLine.amount_minor).join(
                RecoveryCase, RecoveryCase.id == LedgerLine.case_id
            )
        ).all()
        uncertain = session.scalar(
            select(func.count(Message.id)).where(Message.status == "uncertain")
        )
        unsent = Counter(
            str(row.status)
            for row in session.scalars(select(Message).where(Message.status != "sent"))
        )
        ended = session.execute(
            select(RecoveryCase.stripe_invoice_id, RecoveryCase.state, Ending.status).join(
                Ending, Ending.case_id == RecoveryCase.id
            )
        ).all()
    find = scene.sandbox.store.get
    return {
        "verdict": verdict,
        "ended": sorted((*row, find(row[0])["status"]) for row in ended),
        "authorisations": Counter(one.invoice for one in scene.sandbox.books.tries),
        "attempts": dict(attempts),
        "mails": Counter(tuple(row) for row in mails),
        "ledger": sorted(tuple(row) for row in lines),
        "arrived": scene.mailbox.received,
        "uncertain": uncertain,
        "unsent": unsent,
    }


def test_chaos_charges_writes_and_counts_as_a_clean_run_does(tmp_path, pytestconfig):
    cases = pytestconfig.getoption("--chaos-cases")
    clean = play(tmp_path / "clean", cases)
    killer = Killer(SEED, cases)
    chaos = play(tmp_path / "chaos", cases, killer)

    assert clean["verdict"].good, clean["verdict"]
    assert chaos["verdict"].good, chaos["verdict"]
    assert clean["verdict"].failed_invoices == cases
    assert killer.killed >= KILLS / 2
    assert chaos["authorisations"] == clean["authorisations"]
    assert chaos["attempts"] == clean["attempts"]
    assert chaos["ledger"] == clean["ledger"]
    assert chaos["mails"] == clean["mails"]
    # What is done on Stripe once all tries are used is done there too, once, and to the same.
    assert {tuple(row[1:]) for row in clean["ended"]} == {("exhausted", "done", "uncollectible")}
    assert len(clean["ended"]) > cases / 20
    assert chaos["ended"] == clean["ended"]
    # A worker killed while it hands a mail over leaves it uncertain, and nobody repeats it.
    assert clean["uncertain"] == 0
    # One killed before it hands a mail over leaves it to the clock; until then it may be paid,
    # and then the mail is no longer called for.
    late = chaos["unsent"]["skipped"]
    assert not clean["unsent"]
    assert chaos["unsent"].keys() <= {"uncertain", "skipped"}
    assert late <= killer.killed
    assert clean["arrived"] - chaos["uncertain"] - late <= chaos["arrived"] <= clean["arrived"]
