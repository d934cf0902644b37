"""Who lives in the town, and in which order they came."""

from __future__ import annotations

import dataclasses

import page_cast_early as early
import page_cast_live
import page_cast_subscribers
import page_cast_trouble
from page_town import Town

from app import create_app
from recover.compliance import audit_log
from recover.services import Services
from sandbox.sandbox import Sandbox

CAST = (
    early.observing,  # lives through its past, which moves the clock: nobody else does
    early.new,
    early.connecting,
    early.quiet,
    early.one,
    page_cast_live.live,
    page_cast_trouble.broken,
    page_cast_trouble.workshop,
    page_cast_subscribers.subscribers,
    page_cast_subscribers.mailed,
)


def build(services: Services, sandbox: Sandbox) -> Town:
    services = dataclasses.replace(services, now=sandbox.clock.now)
    town = Town(services, sandbox, {"": create_app(services)})
    for come in CAST:
        come(town)
    audit_log.seal(services.db)
    return town
