"""Trouble on demand: what a caller must survive."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    RATE_LIMIT = "rate_limit"  # 429, nothing executed
    OUTAGE = "outage"  # 500, nothing executed
    LOCKED = "locked"  # 429 lock_timeout, nothing executed
    PROXY = "proxy"  # a page of HTML from something in between, with any status; nothing executed
    DROP = "drop"  # executed, then the connection is cut without an answer


@dataclass(slots=True)
class _Order:
    fault: Fault
    left: int
    match: str


@dataclass(slots=True)
class Faults:
    """Each order spoils the next ``n`` requests whose "METHOD /path" contains ``match``."""

    proxy_status: int = 404  # of what a proxy answers
    retry_after: int | None = None  # seconds that a 429 asks to wait, in its header
    _orders: list[_Order] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rate_limit_next(self, n: int, match: str = "") -> None:
        self._order(Fault.RATE_LIMIT, n, match)

    def outage(self, n: int, match: str = "") -> None:
        self._order(Fault.OUTAGE, n, match)

    def lock_next(self, n: int, match: str = "") -> None:
        self._order(Fault.LOCKED, n, match)

    def proxy_next(self, n: int, match: str = "", *, status: int = 404) -> None:
        self.proxy_status = status
        self._order(Fault.PROXY, n, match)

    def drop_response_after_execution(self, n: int, match: str = "") -> None:
        self._order(Fault.DROP, n, match)

    def clear(self) -> None:
        with self._lock:
            self._orders.clear()

    def take(self, request: str) -> Fault | None:
        """The fault for this "METHOD /path", used up; None for none."""
        with self._lock:
            for order in self._orders:
                if order.left and order.match in request:
                    order.left -= 1
                    return order.fault
        return None

    def _order(self, fault: Fault, n: int, match: str) -> None:
        with self._lock:
            self._orders.append(_Order(fault, n, match))
