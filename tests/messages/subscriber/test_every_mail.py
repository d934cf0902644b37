"""A mail to subscribers is known everywhere that one has to be known."""

from __future__ import annotations

from pathlib import Path

import emails
from recover.messages.subscriber import rendering
from recover.web import labels

FOLDERS = Path(emails.__file__).parent / "templates"
# Not about a subscriber's payment: mails to the company's people, and what all mails share.
OTHERS = {"confirm_sender", "invitation", "passkey_added", "shared", "sign_in_link"}


def test_each_mail_to_subscribers_has_a_template_a_rendering_and_a_name_for_people():
    templates = {
        folder.name
        for folder in FOLDERS.iterdir()
        if folder.is_dir() and not folder.name.startswith(("company_", "_"))
    }

    assert set(rendering.MAILS) == templates - OTHERS
    assert set(labels.MAILS) == set(rendering.MAILS)
