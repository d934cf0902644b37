"""Stored secrets: what is sealed opens again, also after the key was changed, and with no other."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from recover.foundation.errors import PermanentError
from recover.foundation.vault import Vault

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = "sk_test_ünusual"


def test_what_is_sealed_can_be_opened_and_not_read():
    sealed = Vault([NEW]).seal(SECRET)

    assert Vault([NEW]).open(sealed) == SECRET
    assert "sk_test" not in sealed


def test_the_same_secret_is_never_sealed_alike():
    vault = Vault([NEW])

    assert vault.seal(SECRET) != vault.seal(SECRET)


def test_no_secret_stays_no_secret():
    vault = Vault([NEW])

    assert (vault.seal(""), vault.open("")) == ("", "")
    assert vault.fresh("")


def test_the_newest_key_seals_and_older_ones_still_open():
    both, old = Vault([NEW, OLD]), Vault([OLD])
    sealed_before = old.seal(SECRET)

    assert both.open(sealed_before) == SECRET
    assert Vault([NEW]).open(both.seal(SECRET)) == SECRET


def test_resealing_makes_the_old_key_unnecessary():
    both = Vault([NEW, OLD])
    before = Vault([OLD]).seal(SECRET)
    after = both.reseal(before)

    assert (both.fresh(before), both.fresh(after)) == (False, True)
    assert Vault([NEW]).open(after) == SECRET


@pytest.mark.parametrize("spoilt", ["no token at all", Vault([OTHER]).seal(SECRET)])
def test_what_no_key_opens_is_refused_without_quoting_it(spoilt):
    vault = Vault([NEW, OLD])

    for act in (vault.open, vault.reseal):
        with pytest.raises(PermanentError, match="ENCRYPTION_KEYS") as refused:
            act(spoilt)
        assert spoilt not in str(refused.value)
    assert not vault.fresh(spoilt)
