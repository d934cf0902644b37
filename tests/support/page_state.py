"""One state in which the walk opens a page, and by whose eyes."""

from __future__ import annotations

from dataclasses import dataclass, field

Fields = dict[str, str]


@dataclass(frozen=True)
class State:
    """``reader`` as in `Town.client`, and ``path`` as in `Town.fill`.

    ``sent``: a form that is then sent from there, to an address and with these fields; ``press``: a
    button that is then pressed, and the heading or label that shows when it has worked.
    """

    page: str  # the endpoint that answers; "" for what no route answers
    name: str
    reader: str
    path: str
    status: int = 200
    sent: tuple[str, Fields] | None = None
    csrf: bool = True
    press: tuple[str, str] | None = None
    site: str = field(default="", kw_only=True)  # another installation: see `Town.apps`

    def __str__(self) -> str:
        return f"{self.page or 'error'}: {self.name}"
