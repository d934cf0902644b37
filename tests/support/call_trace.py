"""Which functions of the product a piece of work passes, in the order of their first calls."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

ROOT = Path(__file__).parents[2]
PRODUCT = tuple(f"{ROOT / top}/" for top in ("recover", "webhooks", "emails"))
TEMPLATES = f"{ROOT}/recover/web/templates/"


class Trace:
    """``functions``: dotted names such as "recover.workflow.sync.sync", each once, in the order of
    their first calls, by whatever thread.
    """

    def __init__(self) -> None:
        self.functions: list[str] = []
        self._seen: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, _arg: object) -> None:
        code = frame.f_code
        if event == "call" and code not in self._seen:
            self._seen.add(code)
            if code.co_filename.startswith(PRODUCT) and "<" not in code.co_qualname:
                self.functions.append(_dotted(code))


def _is_ours(code: CodeType) -> bool:
    """A function that somebody wrote and named: no lambda, comprehension, module or template."""
    path = code.co_filename
    return (
        path.startswith(PRODUCT) and not path.startswith(TEMPLATES) and "<" not in code.co_qualname
    )


def _dotted(code: CodeType) -> str:
    module = Path(code.co_filename).relative_to(ROOT).with_suffix("")
    parts = [part for part in module.parts if part != "__init__"]
    return ".".join([*parts, code.co_qualname])


@contextmanager
def traced() -> Iterator[Trace]:
    """Follow this thread, and every thread that begins meanwhile (each web request has its own)."""
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
