"""Every statement of a request, and whether it could reach rows of another company.

A statement is bound where each table it reads or changes is tied to the company that is signed in:
by an `account_id`, `company_id` or chain of its own, by the key of a row of its own or by what is
unique to such a row, by the mail address of the person who asks, or by a join to a table that is.
`ALLOWED` is the closed list of columns that find a row without that.
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

NEGATIONS = ("inv", "not_in_op")

# A person is a mail address: their own places and passkeys are found by it, at any company.
OF_A_PERSON = {("users", "email"), ("passkeys", "email")}

# What may be looked up without a company: where (the beginning of the endpoint), and why that opens
# nobody's data. What is a row's alone, such as a session's token or a signed link's id, needs no
# exception: it ties the row to whoever it belongs to.
ALLOWED: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {
    ("sign_ins", "origin_hash"): (
        ("web.sign_in.ask",),
        "counts what one visitor asked for, whoever the mail is for",
    ),
    ("invitations", "email"): (
        ("web.invitations.invite",),
        "counts how often one address was invited today, so that nobody is flooded",
    ),
    ("invitations", "shown_nonce"): (
        ("web.accept_invitation.",),
        "a signed link's nonce is that of the mailed link or of the one to copy: either is unique",
    ),
    ("card_updates", "origin_hash"): (
        ("web.card_page.",),
        "counts what one visitor tried, on whosever page",
    ),
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


@dataclass
class Judge:
    """Says what ties a table to the company. ``owns`` says whether values are its own, ``endpoint``
    what was asked; ``used`` collects the exceptions that were needed.
    """

    owns: Owns
    endpoint: str = ""
    used: set[tuple[str, str]] = field(default_factory=set)

    def anchors(self, column: ColumnElement[Any], values: list[Any]) -> bool:
        table = _table(_from(column))
        key = (table.name, column.name)
        unique = table.columns[column.name].primary_key or table.columns[column.name].unique
        names_a_row = _is_key(column) or unique or key in OF_A_PERSON
        if names_a_row and values and self.owns(table, column.name, values):
            return True
        allowed = key in ALLOWED and self.endpoint.startswith(ALLOWED[key][0])
        if allowed:
            self.used.add(key)
        return allowed


def unbound(statement: Statement, judge: Judge) -> list[str]:
    """The tables that nothing ties to the company."""
    if isinstance(statement.core, Insert):
        return _stray_insert(statement, judge.owns)
    tables = {one for one in _tables(statement.core) if isinstance(_table(one), Table)}
    held = _held(statement, statement.core, judge)
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
    """A row is put where its owner says, and whatever else it names must be of the same company."""
    table, names = statement.core.table, []
    for column in table.columns:
        named = column.name in OWNERS or column.foreign_keys
        values = [row[column.name] for row in statement.values if row.get(column.name) is not None]
        if (named or (table.name, column.name) in OF_A_PERSON) and values:
            names.append(owns(table, column.name, values))
    return [] if names and all(names) else [table.name]


def _is_key(column: Any) -> bool:
    return column.name in OWNERS or column.name == "id" or column.name.endswith("_id")


def _held(statement: Statement, element: Any, judge: Judge) -> set[Any]:
    """The tables that are tied for certain: of an OR, those that each of its branches ties; below
    a negation, those that a query in it has to itself.
    """
    kind = _kind(element)
    if kind in NEGATIONS:
        inner = [one for one in visitors.iterate(element) if isinstance(one, Select)]
        tied = (_held(statement, one, judge) & _froms(one) for one in inner)
        return set().union(*tied) - _froms(statement.core)
    parts = [_held(statement, child, judge) for child in element.get_children()]
    if kind == "or_":
        return set.intersection(*parts) if parts else set()
    found = set().union(*parts)
    if isinstance(element, BinaryExpression) and element.operator in (eq, in_op):
        column, bind = element.left, element.right
        if isinstance(bind, ColumnClause) and isinstance(column, BindParameter):
            column, bind = bind, column
        given = isinstance(column, ColumnClause) and isinstance(bind, BindParameter)
        if given and judge.anchors(column, statement.value(bind)):
            found.add(_from(column))
    return found


def _froms(core: Any) -> set[Any]:
    """The tables that a query is over, leaving aside the queries within it."""
    froms = core.get_final_froms() if isinstance(core, Select) else [core.table]
    found = {one for each in froms for one in visitors.iterate(each)}
    return {one for one in found if isinstance(_table(one), Table)}


def _kind(element: Any) -> str:
    return getattr(getattr(element, "operator", None), "__name__", "")


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
    if _kind(element) in ("or_", *NEGATIONS):
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
    return next(
        (base.table for base in column.base_columns if getattr(base, "table", None) is not None),
        table,
    )


def _table(clause: Any) -> Any:
    return clause.element if isinstance(clause, Alias) else clause
