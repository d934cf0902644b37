"""What RQ runs for the inbox."""

from __future__ import annotations

from recover.jobs import services
from webhooks import inbox


def drain_inbox() -> int:
    """Handle what Stripe sent. How many events were settled."""
    here = services()
    drained = inbox.drain(here)
    if drained.left:
        here.enqueue("drain_inbox")
    return drained.done


def forget_events() -> int:
    """Delete events handled long ago. How many."""
    return inbox.forget(services())
