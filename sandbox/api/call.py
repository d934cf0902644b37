"""One request as its view sees it, and the table views are entered in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

from sandbox.api.errors import ApiError, missing, required
from sandbox.sandbox import Sandbox
from sandbox.shapes import listing
from sandbox.state import Key, Obj, State, Store, kind_of

_MOST_PER_PAGE = 100
_LISTS = frozenset({"limit", "starting_after", "ending_before"})
_ALWAYS = frozenset({"expand", "key", "_stripe_account", "_stripe_version"})


@dataclass(slots=True)
class Call:
    """``store`` is the account acted for; ``params`` are nested, leaves as strings."""

    sandbox: Sandbox
    store: Store
    key: Key
    path: str
    params: Obj

    @property
    def state(self) -> State:
        return self.sandbox.state

    def find(self, kind: str, object_id: str, param: str = "id") -> Obj:
        """The object, or Stripe's 404."""
        obj = self.store.objects.get(object_id)
        if obj is None or kind_of(object_id) != kind:
            raise missing(kind, object_id, param)
        return obj

    def named(self, kind: str, param: str) -> Obj:
        """The object a required parameter names."""
        return self.find(kind, self.text(param), param)

    def text(self, param: str) -> str:
        value = self.params.get(param, "")
        if not isinstance(value, str) or not value:
            raise required(param)
        return value

    def flag(self, param: str, *, default: bool = False) -> bool:
        value = self.params.get(param, str(default).lower())
        if value not in ("true", "false"):
            raise ApiError(400, f"Invalid boolean: {value}", param=param)
        return bool(value == "true")

    def integer(self, param: str, default: int) -> int:
        value = self.params.get(param, str(default))
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ApiError(
                400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=param
            ) from None

    def page(self, objects: Iterable[Obj]) -> Obj:
        """Stripe's list of these (given newest first), cut by limit and cursors."""
        limit = self.integer("limit", 10)
        if not 1 <= limit <= _MOST_PER_PAGE:
            raise ApiError(400, "Invalid limit: it must be between 1 and 100.", param="limit")
        if "ending_before" in self.params:
            items = list(objects)
            before = items[: self._position(items, "ending_before")]
            return listing(self.path, before[-limit:], more=len(before) > limit)
        rest = iter(objects)
        if "starting_after" in self.params:
            self._skip_to(rest, "starting_after")
        items = list(islice(rest, limit + 1))
        return listing(self.path, items[:limit], more=len(items) > limit)

    def _skip_to(self, items: Iterator[Obj], param: str) -> None:
        cursor = self.params[param]
        if not any(item["id"] == cursor for item in items):
            raise missing("object", str(cursor), param, status=400)

    def _position(self, items: list[Obj], param: str) -> int:
        cursor = self.params[param]
        for index, item in enumerate(items):
            if item["id"] == cursor:
                return index
        raise missing("object", str(cursor), param, status=400)

    def newest(self, kind: str, *equal: str, owner: str = "customer") -> Iterable[Obj]:
        """Objects of a kind, newest first, that match ``created`` and the named parameters."""
        owner_id = self.params.get(owner)
        held = self.store.owned(kind, owner_id) if owner_id else self.store.all(kind)
        for obj in self._from_cursor(held):
            alive = obj["id"] in self.store.objects and "deleted" not in obj
            same = all(obj.get(name) == self.params[name] for name in equal if name in self.params)
            if alive and same and self.in_time(obj["created"]):
                yield obj

    def _from_cursor(self, held: list[Obj]) -> Iterator[Obj]:
        """All of ``held`` that a page may show, newest first; ``held`` is in order of creation.

        What is newer than the cursor's object is left out here, so that the last page of a long
        list costs what the first does.
        """
        cursor = self.store.objects.get(str(self.params.get("starting_after", "")))
        end = len(held)
        if cursor is not None and "created" in cursor:
            end = bisect_right(held, cursor["created"], key=itemgetter("created"))
        return (held[index] for index in range(end - 1, -1, -1))

    def in_time(self, created: int) -> bool:
        """True where it passes ``created`` or ``created[gte]`` and its like."""
        wanted = self.params.get("created", {})
        bounds = wanted if isinstance(wanted, dict) else {"": wanted}
        tests = {
            "": created.__eq__,
            "gt": created.__gt__,
            "gte": created.__ge__,
            "lt": created.__lt__,
            "lte": created.__le__,
        }
        try:
            return all(tests[name](int(bound)) for name, bound in bounds.items())
        except (KeyError, ValueError, TypeError):
            raise ApiError(400, "Invalid timestamp.", param="created") from None


View = Callable[..., Obj]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: str
    view: View
    params: frozenset[str]
    public: bool  # a publishable key may call it, with the client secret


ROUTES: list[Route] = []


def route(
    method: str, pattern: str, params: str = "", *, public: bool = False
) -> Callable[[View], View]:
    """Enter a view. ``params``: the names it takes; a list route is one whose names say so."""
    names = frozenset(params.split()) | _ALWAYS
    if "page" in names:
        names |= _LISTS

    def enter(view: View) -> View:
        ROUTES.append(Route(method, pattern, view, names, public))
        return view

    return enter


def check_params(entry: Route, params: dict[str, Any]) -> None:
    unknown = sorted(set(params) - entry.params)
    if unknown:
        raise ApiError(
            400,
            f"Received unknown parameter: {unknown[0]}",
            code="parameter_unknown",
            param=unknown[0],
        )
