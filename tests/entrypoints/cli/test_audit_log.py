"""`recover record`, `recover person` and `recover keys rotate`, run as a person would."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from recover.cases import timeline
from recover.compliance import audit_log, audit_verification
from recover.entrypoints import jobs
from recover.entrypoints.cli import main
from recover.foundation import config
from recover.foundation.vault import Vault
from recover.models import (
    Account,
    AuditLogEntry,
    AuditLogHead,
    Company,
    RecoveryCase,
)


@pytest.fixture
def recover(environ, monkeypatch, tmp_path):
    """Run `recover` with these arguments, at a time when all that was written is sealed."""
    monkeypatch.chdir(tmp_path)
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)

    def run(*arguments: str, typed: str = "", **changed: str):
        return CliRunner().invoke(main.cli, arguments, input=typed, env=environ | changed)

    return run


@pytest.fixture
def told(services, account):
    """Six lines about one customer's case, sealed long ago."""
    now = services.now()
    with services.db.begin() as session:
        case = RecoveryCase(
            account_id=account.id,
            stripe_customer_id="cus_1",
            customer_name="Zebedee Quill",
            customer_email="zebedee@subscriber.test",
            state="open",
            currency="usd",
            amount_minor=2900,
            amount_remaining_minor=2900,
            campaign_version=1,
            failed_at=now,
            opened_at=now,
        )
        session.add(case)
        session.flush()
        for number in range(6):
            timeline.note(session, case, "plan", f"Words for Zebedee, {number}.", now)
    audit_log.seal(services.db)
    return services


def heads(output: str) -> list[str]:
    return [line.split()[1] for line in output.splitlines() if line.strip().startswith("head ")]


def test_a_whole_record_holds_and_prints_heads_to_keep(recover, told, account):
    done = recover("record", "verify", "--all")

    assert done.exit_code == 0, done.output
    assert f"account:{account.id}: 6 lines hold" in done.output
    assert heads(done.output)[0].startswith(f"account:{account.id}/6/")


def test_a_broken_line_is_named_and_ends_with_one(recover, told, account):
    with told.db.begin() as session:
        session.execute(update(AuditLogEntry).where(AuditLogEntry.seq == 4).values(actor="user:9"))

    done = recover("record", "verify", "--account", str(account.id))

    assert done.exit_code == 1
    assert f"account:{account.id}, line 4 (id " in done.output
    assert "head " not in done.output
    as_json = json.loads(recover("record", "verify", "--json", "--account", str(account.id)).stdout)
    assert (as_json["holds"], as_json["fault"]["seq"]) == (False, 4)
    with told.db.read() as session:
        assert "line 4" in session.get_one(AuditLogHead, f"account:{account.id}").fault


def test_a_head_that_was_kept_proves_that_nothing_was_rebuilt(recover, told, account):
    [head] = heads(recover("record", "verify", "--account", str(account.id)).output)

    assert recover("record", "verify", "--expect", head).exit_code == 0
    wrong = head[:-1] + ("0" if head[-1] != "0" else "1")
    done = recover("record", "verify", "--expect", wrong)
    assert done.exit_code == 1
    assert "line 6" in done.output
    assert recover("record", "verify", "--expect", "account:999/3/ab").exit_code == 1
    assert recover("record", "verify", "--expect", "nonsense").exit_code == 2


def test_commands_are_on_record_without_what_was_typed(recover, told, account):
    recover("record", "verify", "--account", str(account.id))
    recover("person", "export", "zebedee@subscriber.test")

    with told.db.read() as session:
        query = (
            select(AuditLogEntry).where(AuditLogEntry.verb == "command").order_by(AuditLogEntry.id)
        )
        lines = list(session.scalars(query))
    assert [line.about for line in lines] == [
        "command:cli record verify",
        "command:cli person export",
    ]
    assert lines[0].details["account_id"] == account.id
    assert {(line.actor, line.chain) for line in lines} == {("command", "installation")}
    assert "zebedee" not in json.dumps([[line.reason, line.details] for line in lines])


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_can_be_verified_without_us(recover, told, account, form):
    text = recover("record", "export", "--account", str(account.id), "--format", form).stdout

    if form == "jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
    else:
        rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["seq"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        details = json.loads(row["details"]) if form == "csv" else row["details"]
        assert audit_log.digest(row["salt"], row["reason"], details) == row["digest"]
    since = recover("record", "export", "--account", str(account.id), "--since", "2030-01-01")
    assert since.stdout == ""


def test_a_person_is_exported_and_erased_and_the_record_still_holds(recover, told, account):
    who = "zebedee@subscriber.test"
    copy = json.loads(recover("person", "export", who).stdout)
    assert copy["customers"][0]["cases"][0]["customer_name"] == "Zebedee Quill"

    refused = recover("person", "erase", who, typed="n\n")
    assert "What stays" in refused.output
    assert refused.exit_code == 1
    with told.db.read() as session:
        assert session.scalar(select(RecoveryCase.customer_name)) == "Zebedee Quill"

    done = recover("person", "erase", who, "--yes")
    assert done.exit_code == 0, done.output
    assert "No more mail is sent to them" in done.output
    audit_log.seal(told.db)
    held = recover("record", "verify", "--account", str(account.id))
    assert held.exit_code == 0, held.output
    assert "without their words (erased)" in held.output
    assert recover("person", "erase", who).exit_code == 1


def test_where_there_are_several_companies_one_has_to_be_named(recover, told, company):
    with told.db.begin() as session:
        session.add(Company(name="Rival", created_at=told.now()))

    unsaid = recover("person", "export", "cus_1")
    assert unsaid.exit_code == 1
    assert "Acme Software, Rival" in unsaid.output
    assert recover("person", "export", "cus_1", "--company", company.name).exit_code == 0
    assert "Nothing is kept" in recover("person", "export", "cus_1", "--company", "Rival").output


def test_a_new_key_takes_over_and_the_old_one_can_go(recover, services, account, environ):
    old, new = environ["ENCRYPTION_KEYS"], Fernet.generate_key().decode()
    both = {"ENCRYPTION_KEYS": f"{new},{old}"}
    assert "Run recover keys rotate" in recover("check", **both).output

    done = recover("keys", "rotate", **both)

    assert done.exit_code == 0, done.output
    assert "2 secrets were sealed with the newest key" in done.output
    assert "0 secrets were sealed" in recover("keys", "rotate", **both).output
    with services.db.read() as session:
        row = session.get_one(Account, account.id)
    assert Vault([new]).open(row.secret_key_sealed).startswith("sk_test_")
    assert "rotate" not in recover("check", ENCRYPTION_KEYS=new).output
    alone = recover("check", ENCRYPTION_KEYS=old).output
    assert f"secret key of account {account.id} cannot be opened" in " ".join(alone.split())
    assert recover("keys", "rotate", ENCRYPTION_KEYS=old).exit_code == 1


def test_nights_check_every_chain_and_remember_what_they_found(told, account, monkeypatch):
    monkeypatch.setattr(jobs, "services", lambda: told)
    queued = []
    monkeypatch.setattr(type(told.enqueue), "__call__", lambda _, *args, **__: queued.append(args))

    jobs.verify_audit_log()
    for job, chain in queued:
        assert job == "verify_chain"
        jobs.verify_chain(chain)

    assert [chain for _, chain in queued] == audit_verification.chains(told.db)
    with told.db.read() as session:
        head = session.get_one(AuditLogHead, f"account:{account.id}")
        assert (head.verified_seq, head.verified_at, head.fault) == (6, told.now(), "")
