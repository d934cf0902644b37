"""Every statement of a request, and whether it could reach rows of another company.

A statement is bound where each table it reads or changes is tied to the company that is signed in:
by an `account_id`, `company_id` or chain of its own, by the key of a row of its own, or by a join
to a table that is. `ALLOWED` is the closed list of columns that find a row without that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Table, event
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause, ColumnElement
from sqlalchemy.sql.operators import eq, in_op
from sqlalchemy.sql.selectable import Alias, FromClause, Select

OWNERS = ("account_id", "company_id", "chain")

# What may be looked up without a company, and why that opens nobody's data.
ALLOWED = {
    ("sign_ins", "nonce"): "a session's own token, or that of a mailed link: it says who it is",
    ("sign_ins", "origin_hash"): "counts what one visitor asked for, whoever the mail is for",
    ("users", "email"): "whoever signs in is found by their address; it is unique",
    ("links", "public_id"): "what a mailed link carries, signed",
    ("card_updates", "origin_hash"): "counts what one visitor tried, on whosever page",
    ("accounts", "stripe_account_id"): "an account at Stripe belongs to one company alone: to"
    " refuse the second, the first has to be seen",
    ("accounts", "hook_token"): "the address at which an account's events come in, signed",
}


@dataclass
class Statement:
    """One statement as it was executed, with the values of its parameters."""

    text: str
    core: Any
    names: dict[Any, str]
    values: list[dict[str, Any]]

    def value(self, bind: BindParameter[Any]) -> list[Any]:
        name = self.names.get(bind, bind.key)
        found = self.values[0].get(name, bind.value) if self.values else bind.value
        return list(found) if isinstance(found, list | tuple | set) else [found]


@dataclass
class Watch:
    """Collects the statements executed within `looking`."""

    engine: Engine
    seen: list[Statement] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)  # plain text, which cannot be looked into

    @contextmanager
    def looking(self) -> Iterator[list[Statement]]:
        self.seen, self.unread = [], []
        event.listen(self.engine, "before_cursor_execute", self._see)
        try:
            yield self.seen
        finally:
            event.remove(self.engine, "before_cursor_execute", self._see)

    def _see(self, _connection, _cursor, text, _parameters, context, _many) -> None:
        compiled = context.compiled if context else None
        if compiled is None:
            self.unread.append(text)
            return
        state = getattr(compiled, "compile_state", None)
        core = getattr(state, "statement", None)
        core = compiled.statement if core is None else core
        names = dict(compiled.bind_names)
        self.seen.append(Statement(text, core, names, list(context.compiled_parameters)))


Owns = Callable[[Table, str, list[Any]], bool]


def unbound(statement: Statement, owns: Owns) -> list[str]:
    """The tables that nothing ties to the company. ``owns`` says whether values are its own."""
    if isinstance(statement.core, Insert):
        return _stray_insert(statement, owns)
    tables = {one for one in _tables(statement.core) if isinstance(_table(one), Table)}
    ties = list(_ties(statement))
    held = {_from(column) for column, values in ties if _anchors(column, values, owns)}
    edges = list(_edges(statement.core))
    grew = True
    while grew:
        grew = False
        for left, right in edges:
            one, other = _from(left), _from(right)
            for known, fresh in ((one, other), (other, one)):
                if known in held and fresh not in held:
                    held.add(fresh)
                    grew = True
    return sorted(_table(one).name for one in tables - held)


def _stray_insert(statement: Statement, owns: Owns) -> list[str]:
    table = statement.core.table
    for name in OWNERS + tuple(c.name for c in table.columns if c.foreign_keys):
        values = [row[name] for row in statement.values if row.get(name) is not None]
        if name in table.columns and values:
            return [] if owns(table, name, values) else [table.name]
    return [table.name]


def _anchors(column: ColumnElement[Any], values: list[Any], owns: Owns) -> bool:
    table = _table(_from(column))
    if (table.name, column.name) in ALLOWED:
        return True
    unique = table.columns[column.name].primary_key or table.columns[column.name].unique
    return bool((_is_key(column) or unique) and values and owns(table, column.name, values))


def _is_key(column: Any) -> bool:
    return column.name in OWNERS or column.name == "id" or column.name.endswith("_id")


def _ties(statement: Statement) -> Iterator[tuple[Any, list[Any]]]:
    """Each column that must equal something given."""
    for one in _comparisons(statement.core):
        column, bind = one.left, one.right
        if isinstance(bind, ColumnClause) and isinstance(column, BindParameter):
            column, bind = bind, column
        if isinstance(column, ColumnClause) and isinstance(bind, BindParameter):
            yield column, statement.value(bind)


def _edges(core: Any) -> Iterator[tuple[Any, Any]]:
    """Columns that must be equal, by a join or a subquery."""
    for one in _comparisons(core):
        if not isinstance(one.left, ColumnClause):
            continue
        if not _is_key(one.left):
            continue  # rows that are merely alike are not tied to each other
        if isinstance(one.right, ColumnClause):
            yield one.left, one.right
        else:
            for inner in visitors.iterate(one.right):
                if isinstance(inner, Select):
                    for column in inner.selected_columns:
                        if isinstance(column, ColumnClause):
                            yield one.left, column


def _comparisons(core: Any) -> Iterator[BinaryExpression[Any]]:
    """Equalities that hold for certain: none below an OR."""
    for clause in _certain(core):
        if isinstance(clause, BinaryExpression) and clause.operator in (eq, in_op):
            yield clause


def _certain(element: Any) -> Iterable[Any]:
    operator = getattr(element, "operator", None)
    if getattr(operator, "__name__", "") in ("or_", "inv", "not_in_op"):
        return
    yield element
    for child in element.get_children():
        yield from _certain(child)


def _tables(core: Any) -> Iterator[Any]:
    for element in visitors.iterate(core):
        if isinstance(element, Table) or (
            isinstance(element, Alias) and isinstance(element.element, Table)
        ):
            yield element
    if (table := getattr(core, "table", None)) is not None:
        yield table


def _from(column: Any) -> FromClause | None:
    """The table, or the alias of one, that a column is of."""
    table = column.table
    if isinstance(_table(table), Table):
        return table
    return next((base.table for base in column.base_columns if base.table is not None), table)


def _table(clause: Any) -> Any:
    return clause.element if isinstance(clause, Alias) else clause
