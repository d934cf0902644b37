"""The demo's people as they are: a filter in front of the mailbox, a button pressed twice."""

from __future__ import annotations

from datetime import timedelta

from journey import CLEAN

from sandbox import people
from sandbox.people import Letter, People


class Post:
    """The journey's mailbox, as its owners see it."""

    def __init__(self, mailbox):
        self.mailbox = mailbox

    @property
    def received(self):
        return self.mailbox.received

    def after(self, number):
        return [Letter(mail.to[0], mail.text) for mail in self.mailbox.messages(after=number)]


def test_scanned_links_and_buttons_pressed_twice_change_nothing(stages, monkeypatch):
    for name in ("SCANNED", "IMPATIENT", "EXPIRING"):
        monkeypatch.setattr(people, name, 1.0)
    monkeypatch.setattr(people, "WITHOUT_SCRIPTS", 0.0)
    with stages() as journey:
        everybody = People(
            journey.sandbox, Post(journey.mailbox), journey.stripe_url, eagerness=9.0
        )
        invoice = journey.fail("expired_card")
        journey.settle()
        everybody.act(journey.now)
        assert everybody.scanned == [200, 200]
        assert journey.charged(invoice) == [False]

        while (at := everybody.next_at()) is not None:
            journey.run(seconds=max(timedelta(), at - journey.now).total_seconds())
            everybody.act(journey.now)
        journey.settle()

        assert [visit.state for visit in everybody.visits] == ["paid"]
        assert journey.charged(invoice) == [False, True]
        assert journey.faults == CLEAN
