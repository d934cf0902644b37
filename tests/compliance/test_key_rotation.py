"""A new encryption key: everything is sealed anew, and the old key can go."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

import recover
from recover.compliance import key_rotation
from recover.foundation.errors import PermanentError
from recover.foundation.vault import Vault
from recover.models import Account, Company

pytestmark = pytest.mark.both_databases  # rows that change while they are read

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET, HOOK, HASHES = "sk_test_recognisable", "whsec_recognisable", "the key of the hashes"


@pytest.fixture
def both():
    return Vault([NEW, OLD])


@pytest.fixture
def sealed(services, account, company):
    """One account and its company, with secrets sealed by the old key."""
    vault = Vault([OLD])
    with services.db.begin() as session:
        row = session.get_one(Account, account.id)
        row.secret_key_sealed = vault.seal(SECRET)
        row.webhook_secrets_sealed = vault.seal(HOOK)
        session.get_one(Company, company.id).erasure_key_sealed = vault.seal(HASHES)
    return services.db


def secrets(db, vault, account, company):
    with db.read() as session:
        row, owner = session.get_one(Account, account.id), session.get_one(Company, company.id)
        return [
            vault.open(text)
            for text in (
                row.secret_key_sealed,
                row.webhook_secrets_sealed,
                owner.erasure_key_sealed,
            )
        ]


def test_after_a_rotation_the_new_key_alone_opens_everything(sealed, both, account, company):
    with pytest.raises(PermanentError):
        secrets(sealed, Vault([NEW]), account, company)

    done = key_rotation.rotate(sealed, both)

    assert (done.fresh, done.rotated, done.stuck) == (0, 3, ())
    assert secrets(sealed, Vault([NEW]), account, company) == [SECRET, HOOK, HASHES]


def test_a_second_rotation_changes_nothing(sealed, both, account, company):
    key_rotation.rotate(sealed, both)
    with sealed.read() as session:
        before = session.get_one(Account, account.id).secret_key_sealed

    done = key_rotation.rotate(sealed, both)

    assert (done.fresh, done.rotated) == (3, 0)
    with sealed.read() as session:
        assert session.get_one(Account, account.id).secret_key_sealed == before


def test_a_rotation_that_was_broken_off_goes_on(sealed, both, account, company):
    class BrokenOff(Exception):
        pass

    def stop(_rows):
        raise BrokenOff

    with pytest.raises(BrokenOff):
        key_rotation.rotate(sealed, both, stop)
    assert key_rotation.inspect(sealed, both).fresh == 1

    assert key_rotation.rotate(sealed, both).rotated == 2
    assert secrets(sealed, Vault([NEW]), account, company) == [SECRET, HOOK, HASHES]


def test_more_rows_than_one_batch_holds_are_all_rotated(sealed, both, account, monkeypatch):
    monkeypatch.setattr(key_rotation, "ROWS_AT_ONCE", 2)
    with sealed.begin() as session:
        for number in range(5):
            session.add(
                Account(
                    connection="key",
                    mode="observe",
                    company_id=account.company_id,
                    stripe_account_id=f"acct_{number}",
                    livemode=False,
                    hook_token=f"hook-{number}",
                    campaign_version=1,
                    connected_at=account.connected_at,
                    secret_key_sealed=Vault([OLD]).seal(SECRET) if number else "",
                )
            )

    assert key_rotation.rotate(sealed, both).rotated == 3 + 4


def test_what_no_key_opens_is_named_left_alone_and_stops_nothing(sealed, both, account):
    lost = Vault([Fernet.generate_key().decode()]).seal(SECRET)
    with sealed.begin() as session:
        session.execute(update(Account).values(secret_key_sealed=lost))

    done = key_rotation.rotate(sealed, both)

    assert done.rotated == 2
    assert [str(one) for one in done.stuck] == [f"secret key of account {account.id}"]
    with sealed.read() as session:
        assert session.get_one(Account, account.id).secret_key_sealed == lost
    [said] = key_rotation.warnings(sealed, both)
    assert f"secret key of account {account.id} cannot be opened" in said
    assert lost not in said


def test_a_start_warns_while_an_old_key_is_needed_and_not_afterwards(sealed, both, account):
    [said] = key_rotation.warnings(sealed, both)
    assert f"webhook secrets of account {account.id}" in said
    assert "recover keys rotate" in said
    for secret in (SECRET, HOOK, HASHES, OLD, NEW):
        assert secret not in said

    key_rotation.rotate(sealed, both)
    assert key_rotation.warnings(sealed, both) == []


def test_a_database_without_tables_is_nothing_to_warn_about(tmp_path, both):
    from recover.foundation.database import Database  # noqa: PLC0415

    db = Database.connect(f"sqlite:///{tmp_path / 'empty.db'}")
    assert key_rotation.warnings(db, both) == []
    db.engine.dispose()


def test_whatever_is_sealed_goes_where_a_rotation_finds_it():
    """Each call of ``vault.seal`` is assigned to, or passed as, something called ..._sealed."""
    homeless = []
    for path in Path(recover.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        homes = {
            id(node)
            for parent in ast.walk(tree)
            for name, value in named_values(parent)
            if name.endswith(key_rotation.SUFFIX)
            for node in ast.walk(value)
        }
        homeless += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("vault.seal")
            and id(node) not in homes
        ]
    assert homeless == []


def named_values(node):
    """What an assignment, a keyword or an entry of a dict gives a name to."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield ast.unparse(target).rstrip("'])").split(".")[-1].split("'")[-1], node.value
    elif isinstance(node, ast.keyword):
        yield node.arg or "", node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                yield str(key.value), value


def test_there_is_something_to_rotate():
    names = {f"{table.name}.{column.name}" for table, column in key_rotation.columns()}
    assert names >= {
        "accounts.secret_key_sealed",
        "accounts.webhook_secrets_sealed",
        "companies.erasure_key_sealed",
    }
