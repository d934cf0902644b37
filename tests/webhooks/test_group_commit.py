from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from webhooks.group_commit import GroupCommit


class Table:
    """Stores rows; can be held up, and refuses rows marked bad, all or none."""

    def __init__(self):
        self.groups = []
        self.entered, self.free = Event(), Event()
        self.free.set()

    def write(self, rows):
        self.entered.set()
        assert self.free.wait(10)
        if any(row.get("bad") for row in rows):
            raise ValueError("bad row")
        self.groups.append([row["id"] for row in rows])


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def commit(table):
    return GroupCommit(table.write)


def hold_up(table, commit, pool, rows):
    """Start ``rows`` while the first write is held up; the futures, once all have gathered."""
    table.free.clear()
    first = pool.submit(commit.store, {"id": 0})
    assert table.entered.wait(10)
    others = [pool.submit(commit.store, row) for row in rows]
    while len(commit._gathering) < len(rows):
        pass
    table.free.set()
    return [first, *others]


def test_a_row_alone_is_written_at_once(table, commit):
    assert commit.store({"id": 1}) is True
    assert table.groups == [[1]]


def test_rows_that_come_during_a_write_share_the_next_one(table, commit):
    with ThreadPoolExecutor(8) as pool:
        futures = hold_up(table, commit, pool, [{"id": n} for n in range(1, 6)])
        leads = [future.result(10) for future in futures]
    assert [sorted(group) for group in table.groups] == [[0], [1, 2, 3, 4, 5]]
    assert sum(leads) == 2  # one thread of each group signals for it


def test_a_bad_row_fails_alone(table, commit):
    rows = [{"id": 1}, {"id": 2, "bad": True}, {"id": 3}]
    with ThreadPoolExecutor(8) as pool:
        _, one, two, three = hold_up(table, commit, pool, rows)
        with pytest.raises(ValueError, match="bad row"):
            two.result(10)
        one.result(10)
        three.result(10)
    assert sorted(row for group in table.groups for row in group) == [0, 1, 3]


def test_after_a_failure_the_next_row_is_written(table, commit):
    with pytest.raises(ValueError, match="bad row"):
        commit.store({"id": 1, "bad": True})
    assert commit.store({"id": 2}) is True
    assert table.groups == [[2]]
