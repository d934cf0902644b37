from inspect import signature

import pytest

from recover.messages.subscriber.rendering import MAILS


@pytest.mark.parametrize("template", MAILS)
def test_every_argument_of_a_mail_is_named_in_the_table(template):
    mail = MAILS[template]
    taken = set(signature(mail.render).parameters) - {"brand"}

    assert len(mail.arguments) == len(set(mail.arguments))
    assert set(mail.arguments) == taken
