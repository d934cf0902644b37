"""The sender's check: a mailed link proves that mail arrives and that the company reads it."""

from __future__ import annotations

import logging
from datetime import timedelta

from emails import subscriber_mails
from emails.envelope import Outgoing, message_id
from recover.compliance import audit_log
from recover.foundation.errors import LinkInvalid, PermanentError, RecoverError
from recover.foundation.signed_links import Purpose
from recover.models import Account
from recover.onboarding.checklist import dns_records
from recover.onboarding.checklist.stripe_signs import checklist_state, locked_checklist_state
from recover.services import Services

log = logging.getLogger(__name__)

MIN_PAUSE = timedelta(minutes=1)  # between two confirming mails


def address_of(services: Services, account: Account) -> str:
    """The address that mails to subscribers come from."""
    return account.sender_email or services.settings.mail_from


def mail_confirmation(services: Services, account: Account, actor: str) -> str:
    """Mail a confirming link to the sender's own address, and look at its DNS records.

    Returns the address. Raises PermanentError, in words for the founder, where the mail cannot be
    sent or was sent a moment ago.
    """
    address, now = address_of(services, account), services.now()
    with services.db.read() as session:
        start = checklist_state(session, account.id)
    if (
        start.sender_asked == address
        and start.sender_asked_at
        and now < start.sender_asked_at + MIN_PAUSE
    ):
        raise PermanentError(f"A mail to {address} left a moment ago. Look into the mailbox first.")
    try:
        services.mailer.send(_mail(services, account, address))
    except RecoverError as error:
        log.warning("a confirming mail of account %s could not be sent: %s", account.id, error)
        raise PermanentError(f"The mail to {address} could not be sent: {error}") from None
    found = dns_records.findings(address.rpartition("@")[2], dns_records.txt)
    with services.db.begin() as session:
        row = locked_checklist_state(services.db, session, account.id)
        row.sender_asked, row.sender_asked_at, row.dns = address, now, found
        audit_log.write(
            session,
            "ask",
            f"A confirming mail went to {address}.",
            now,
            audit_log.Subject("start:sender", account_id=account.id),
            actor=actor,
        )
    return address


def refresh_dns(services: Services, account: Account) -> None:
    """Look the DNS records of the sender's domain up again."""
    found = dns_records.findings(address_of(services, account).rpartition("@")[2], dns_records.txt)
    with services.db.begin() as session:
        locked_checklist_state(services.db, session, account.id).dns = found


def _mail(services: Services, account: Account, address: str) -> Outgoing:
    now = services.now()
    payload: dict[str, str | int] = {"account": account.id, "address": address}
    link = services.links.url("confirm-sender", Purpose.CONFIRM_SENDER, payload, now)
    mail = subscriber_mails.confirm_sender(company=account.name, address=address, link=link)
    key = f"confirm-sender:{account.id}:{now.isoformat()}"
    return Outgoing(
        to=address,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        sender=address,
        sender_name=account.sender_name or account.name,
        message_id=message_id(key, services.settings.mail_domain),
        sent_at=now,
    )


def read_link(services: Services, token: str) -> tuple[Account, str]:
    """The account and the address that a mailed link names. Raises LinkExpired, LinkInvalid."""
    link_payload = services.links.read(Purpose.CONFIRM_SENDER, token, services.now())
    with services.db.read() as session:
        account = session.get(Account, int(link_payload.get("account", 0)))
    if account is None:
        raise LinkInvalid("This link belongs to an account that is gone.")
    return account, str(link_payload.get("address", ""))


def confirm(services: Services, token: str) -> str:
    """Store that the address is confirmed, since its link was followed. Returns the address.

    Raises LinkExpired, LinkInvalid.
    """
    account, address = read_link(services, token)
    now = services.now()
    with services.db.begin() as session:
        row = locked_checklist_state(services.db, session, account.id)
        if row.sender_confirmed != address:
            row.sender_confirmed, row.sender_confirmed_at = address, now
            text = f"The link in the mail to {address} was followed: the sender is confirmed."
            audit_log.write(
                session,
                "confirm",
                text,
                now,
                audit_log.Subject("start:sender", account_id=account.id),
                actor=audit_log.RECOVER,
            )
    return address
