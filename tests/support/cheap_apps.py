"""Flask applications that cost little to make: nearly every test makes one or two of its own."""

from __future__ import annotations

import functools
from types import CodeType
from typing import Any, ClassVar

from flask import Flask
from jinja2 import BytecodeCache, StrictUndefined
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

MADE = ("_parts", "_trace", "_converters", "_build", "_build_unknown")  # by `Rule.compile`


class SharedRule(Rule):
    """A rule that was compiled for one application serves the next.

    What Werkzeug makes of a rule is nearly all that an application costs. The functions that write
    its address are compiled when one is written for the first time.
    """

    _compiled: ClassVar[dict[tuple[object, ...], dict[str, Any]]] = {}

    def compile(self) -> None:
        assert self.map is not None
        words = (self.rule, self.subdomain, self.host, self.map.host_matching, self.merge_slashes)
        key = (*words, repr(self.defaults), *self.map.converters.values())
        if known := self._compiled.get(key):
            self.arguments |= known["_converters"].keys()
            vars(self).update(known)
        else:
            super().compile()
            self._compiled[key] = {name: vars(self)[name] for name in MADE}
        for name in ("_build", "_build_unknown"):  # of this rule, with what is known to all
            setattr(self, name, vars(self)[name].__func__.__get__(self))

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
    """For every application that is made from now on.

    In the tests a name that a template does not know is an error: a renamed attribute would print
    nothing, and nobody would see it.
    """
    Flask.url_rule_class = SharedRule
    Flask.jinja_options = {
        "bytecode_cache": TemplatesOfAllApps(),
        "undefined": StrictUndefined,
    }
