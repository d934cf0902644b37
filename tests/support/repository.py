"""The repository's own files, read as text and as Python."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("app.py", "recover", "webhooks", "emails")
CODE = (*PRODUCT, "sandbox", "bench")
NOT_OURS = re.compile(r"(^|/)(\.(?!ci|env\.example)[^/]*|[^/]*\.egg-info|__pycache__|build)(/|$)")


def files(*tops: str) -> Iterator[Path]:
    """Every file of ours below these, leaving out what is installed, built or cached."""
    for top in tops:
        start = ROOT / top
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            if path.is_file() and not NOT_OURS.search(path.relative_to(ROOT).as_posix()):
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules(*tops: str) -> Iterator[tuple[str, ast.Module]]:
    """Each Python file's name and what is written in it."""
    for path in files(*tops):
        if path.suffix == ".py" and path.parent.name != "versions":
            yield name(path), parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """The outermost packages that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def calls(tree: ast.AST, called: str) -> Iterator[ast.Call]:
    """Every call of a function or method of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called in {
            getattr(node.func, "attr", ""),
            getattr(node.func, "id", ""),
        }:
            yield node


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
