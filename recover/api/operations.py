"""An operation of the API, declared once: by this it is routed, checked, answered and described."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from recover.integrations.api_tokens import Holder
from recover.services import Services


@dataclass(frozen=True, slots=True)
class Call:
    """One request that passed every check. ``query`` and ``body`` are of the declared models."""

    services: Services
    holder: Holder
    path: Mapping[str, str]
    query: Any = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """``path`` as OpenAPI writes it, below /api/v1: /cases/{case}. ``answer`` None: 204, no body.

    ``repeatable`` operations take an Idempotency-Key.
    """

    name: str
    method: str
    path: str
    scope: str
    group: str
    summary: str
    about: str
    answer: type[BaseModel] | None
    act: Callable[[Call], Any]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    status: int = 200
    problems: tuple[str, ...] = ()
    repeatable: bool = False

    @property
    def rule(self) -> str:
        """As Flask writes it: /cases/<case>."""
        return re.sub(r"\{(\w+)\}", r"<\1>", self.path)

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)


@dataclass(slots=True)
class Group:
    """Operations about one kind of thing, in the order they are described in."""

    name: str
    operations: list[Operation] = field(default_factory=list)

    def operation(
        self, method: str, path: str, *, scope: str, answer: type[BaseModel] | None, **more: Any
    ) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
        """Declare the function it decorates. Its docstring's first line is the summary."""

        def declare(act: Callable[[Call], Any]) -> Callable[[Call], Any]:
            summary, _, about = (act.__doc__ or "").strip().partition("\n")
            about = re.sub(r"\n\s+", "\n", about).strip()
            name = act.__name__
            made = Operation(
                name, method, path, scope, self.name, summary, about, answer, act, **more
            )
            self.operations.append(made)
            return act

        return declare
