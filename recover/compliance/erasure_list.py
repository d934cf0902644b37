"""Who was erased on request: customers by Stripe's id, addresses by a keyed hash.

The key of the hashes belongs to the company and is stored sealed. So it survives a change of the
installation's keys, and the database alone does not show whether an address is among them.
"""

from __future__ import annotations

from secrets import token_hex

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.foundation.keyed_hash import HashPurpose, keyed_hash
from recover.foundation.mail_addresses import normal_email
from recover.foundation.vault import Vault
from recover.models import Account, Company, ErasedAddress, Suppression, SuppressionReason


def customer_erased(session: Session, account_id: int, customer_id: str) -> bool:
    query = select(Suppression.id).where(
        Suppression.account_id == account_id,
        Suppression.stripe_customer_id == customer_id,
        Suppression.reason == SuppressionReason.ERASED,
    )
    return session.scalar(query) is not None


def address_erased(session: Session, vault: Vault, account: Account, address: str) -> bool:
    """Whether the holder of a mail address was erased at the account's company."""
    company = session.get_one(Company, account.company_id)
    if not company.erasure_key_sealed or not address:
        return False
    query = select(ErasedAddress.id).where(
        ErasedAddress.company_id == company.id,
        ErasedAddress.address_hash
        == _address_hash(vault.open(company.erasure_key_sealed), address),
    )
    return session.scalar(query) is not None


def address_hash(vault: Vault, company: Company, address: str) -> str:
    """The hash stored for an erased address. Makes the company's key if it has none yet."""
    if not company.erasure_key_sealed:
        company.erasure_key_sealed = vault.seal(token_hex(32))
    return _address_hash(vault.open(company.erasure_key_sealed), address)


def _address_hash(key: str, address: str) -> str:
    return keyed_hash(key, HashPurpose.ERASED_ADDRESS, normal_email(address))
