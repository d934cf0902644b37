"""Hashes that are in the database: the same bytes for ever, or nothing would be recognised."""

from __future__ import annotations

import pytest

from recover.compliance.erasure_list import address_hash
from recover.foundation.keyed_hash import HashPurpose, keyed_hash
from recover.models import Company

pytestmark = pytest.mark.both_databases  # bytes out of a column

HASHES = {
    HashPurpose.NETWORK_CAPS: "3f765be185a8d9cbc5bfca9188e93dac",
    HashPurpose.SESSION_NETWORK: "50b2f04fad323d23863a5453ee39358a",
    HashPurpose.ERASED_ADDRESS: "3f765be185a8d9cbc5bfca9188e93daca125d846fbce15b2729ba46768c863ea",
}


@pytest.mark.parametrize("purpose", HashPurpose)
def test_a_hash_is_made_of_the_same_bytes_for_ever(purpose):
    assert keyed_hash("a key", purpose, "203.0.113.9") == HASHES[purpose]


def test_an_erased_address_is_known_however_it_is_written(services):
    company = Company(name="Acme", erasure_key_sealed=services.vault.seal("a key"))
    hashes = {address_hash(services.vault, company, it) for it in ("ada@b.com", " Ada@B.com ")}
    assert hashes == {"14274ca7c653402b6867a902d53774badccb2b3890864f0727752380b8f4d55d"}
