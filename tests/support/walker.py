"""A walk: acts one after another, judged after each and once more when the world has settled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from hypothesis import strategies as st
from walker_acts import ACTS, Acts
from walker_books import Violation
from walker_rules import Judge
from walker_stage import WalkJourney

SETTLING_DAYS = 24  # longer than the longest campaign
# How many times as likely as any other act: without these nothing else means much.
OFTEN = {"renewal_fails": 4, "days": 4, "replaces": 5, "replaces_without_script": 2}


class WalkFailed(AssertionError):
    """What must always hold did not. The walk so far stands in the message, to be kept."""

    def __init__(self, found: list[Violation], walked: list[str]) -> None:
        super().__init__("\n".join([*map(str, found), "", "The walk:", *walked]))
        self.found, self.walked = found, walked


def walk(journey: WalkJourney, lines: Iterable[str], *, settle: bool = True) -> None:
    """Take the acts. Raises WalkFailed at the first that breaks a rule."""
    acts, judge, walked = Acts(journey), Judge(journey.books_of_walk), []
    for line in lines:
        walked.append(line)
        acts.do(line)
        _check(judge.after_act(), walked)
    if settle:
        acts.do("trouble_is_over")
        acts.do("webhooks fine")
        journey.run(days=SETTLING_DAYS)
        journey.do_chores()
        journey.settle()
        _check(judge.at_the_end(), walked)


def _check(found: list[Violation], walked: list[str]) -> None:
    if found:
        raise WalkFailed(found, walked)


def walks(length: int, left_out: Iterable[str] = ()) -> st.SearchStrategy[list[str]]:
    """So many acts, the first of them a renewal that fails; none matches a pattern left out."""
    known = re.compile("|".join(left_out) or "(?!)")
    weighted = [name for name in ACTS for _ in range(OFTEN.get(name, 1))]
    lines = st.sampled_from(weighted).flatmap(_line).filter(lambda line: not known.search(line))
    rest = st.lists(lines, min_size=length - 1, max_size=length - 1)
    return st.tuples(_line("renewal_fails"), rest).map(lambda walk: [walk[0], *walk[1]])


def _line(name: str) -> st.SearchStrategy[str]:
    return st.tuples(st.just(name), *map(st.sampled_from, ACTS[name])).map(" ".join)


def shrunk(lines: list[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """The fewest of these acts with which it still fails, and the plainest words in them."""
    size = max(1, len(lines) // 2)
    while size:
        at = 0
        while at < len(lines):
            shorter = lines[:at] + lines[at + size :]
            if fails(shorter):
                lines = shorter
            else:
                at += size
        size //= 2
    for at in range(len(lines)):
        for plainer in _plainer(lines[at]):
            changed = [*lines[:at], plainer, *lines[at + 1 :]]
            if fails(changed):
                lines = changed
                break
    return lines


def _plainer(line: str) -> Iterator[str]:
    """The act with the words that come first in their lists."""
    name, *words = line.split()
    first = [choices[0] for choices in ACTS[name]]
    if words != first:
        yield " ".join([name, *first])
        for at, word in enumerate(first):
            if words[at] != word:
                yield " ".join([name, *words[:at], word, *words[at + 1 :]])
