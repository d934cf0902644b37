"""What the state of a dispute, or of a bank's early fraud warning, means for us.

Statuses are Stripe's own, and two of ours for what Stripe tells with a flag or not at all. One that
is not known here is taken for a dispute that goes on.
"""

from __future__ import annotations

UNREADABLE = "unreadable"  # there is one, but the key may not read how it stands
ACTIONABLE, NOT_ACTIONABLE = "actionable", "not_actionable"  # of a warning

_DECIDED = frozenset({"won", "lost", "warning_closed", "prevented", NOT_ACTIONABLE})
_OVER = frozenset({"won", "warning_closed", NOT_ACTIONABLE})
_NO_MONEY_TAKEN = frozenset({"won", "prevented", ACTIONABLE, NOT_ACTIONABLE})


def holds(status: str) -> bool:
    """Whether its customer is neither charged nor written to before a person looked.

    A lost dispute holds too: whoever was right at the bank does not want to be charged again.
    """
    return status not in _OVER


def decided(status: str) -> bool:
    """Whether nothing more is to be expected of it."""
    return status in _DECIDED


def money_taken(status: str) -> bool:
    """Whether the bank has taken the money. An inquiry (``warning_...``) only asks about it."""
    return status not in _NO_MONEY_TAKEN and not status.startswith("warning_")
