"""Flask applications that cost little to make: nearly every test makes one or two of its own."""

from __future__ import annotations

import functools
from types import CodeType

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class LazyRule(Rule):
    """Compiles the functions that write its address when one is written for the first time.

    Werkzeug compiles both while the rule is made, which is nearly all that an application costs.
    """

    def _compile_builder(self, append_unknown: bool = True):
        compiled = functools.cache(super()._compile_builder)
        return lambda rule, /, **values: compiled(append_unknown)(rule, **values)


class TemplatesOfAllApps(BytecodeCache):
    """What Jinja compiled for one application serves the next, as long as the text is the same."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.code


def use() -> None:
    """For every application that is made from now on."""
    Flask.url_rule_class = LazyRule
    Flask.jinja_options = {"bytecode_cache": TemplatesOfAllApps()}
