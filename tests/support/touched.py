"""Which tests a change touches: what to run while one works. Prints their paths, one a line.

    python tests/support/touched.py [BASE]

A change is what the working tree holds beyond BASE: by default the branch that this one will be
merged into. Of each changed file: a test file itself; a module's own test file (tests lie as the
packages do) and the test files that import it; what a template or a style sheet shows is the page
walk's to see. Where a module is imported by very many, the rest is left to the whole run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALWAYS = ("tests/dunning", "tests/test_layout.py", "tests/test_repository.py")
MANY = 6  # test files that import one module; beyond these only its own is run
SLOW = ("tests/chaos/", "tests/browser/")


def changed(base: str) -> list[str]:
    """Paths that differ from the commit at which this branch left ``base``, new ones included."""
    start = _git("merge-base", "HEAD", base)[0]
    return [*_git("diff", "--name-only", start), *_git("ls-files", "-o", "--exclude-standard")]


def _git(*words: str) -> list[str]:
    command = ["git", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def touched(paths: Iterable[str], sources: dict[str, str]) -> list[str]:
    """The test files to run for changed ``paths``; ``sources`` are all test files' texts."""
    found = set(ALWAYS)
    for path in paths:
        if path in sources:
            found.add(path)
        elif path.endswith(".py"):
            found |= _of_module(path, sources)
        if path.startswith(("recover/models/", "recover/migrations/")):
            found.add("tests/migrations")
    return sorted(one for one in found if not one.startswith(SLOW))


def _of_module(path: str, sources: dict[str, str]) -> set[str]:
    own = {one for one in _own_tests(path) if one in sources}
    module = Path(path).stem
    if path.startswith("tests/support/"):
        imports = re.compile(rf"^(?:import|from) {module}\b", re.MULTILINE)
    else:
        package = re.escape(path.rpartition("/")[0].replace("/", "."))
        names = rf"(?:\([^)]*|[^(\n]*)\b{module}\b"
        imports = re.compile(
            rf"^from {package} import {names}|^(?:import|from) {package}\.{module}\b", re.MULTILINE
        )
    users = {one for one, text in sources.items() if imports.search(text)}
    return own | (users if len(users) <= MANY else set())


def _own_tests(path: str) -> tuple[str, str]:
    folder, _, file = path.removeprefix("recover/").rpartition("/")
    return f"tests/{folder}/test_{file}", f"tests/{folder}/test_{folder.rpartition('/')[2]}.py"


def sources_of_tests() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("test_*.py")
    }


def default_base() -> str:
    """Where a clone came from, if it came from anywhere; else the last commit."""
    remote = _git("for-each-ref", "--format=%(refname:short)", "refs/remotes/origin/HEAD")
    return remote[0] if remote else "HEAD"


if __name__ == "__main__":
    base = sys.argv[1] if len(sys.argv) > 1 else default_base()
    sys.stdout.write("\n".join(touched(changed(base), sources_of_tests())) + "\n")
