"""A rehearsal's stage: the pretend world, its servers, and the product's processes around it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from cryptography.fernet import Fernet
from flask import redirect
from redis import Redis
from sqlalchemy import select

from recover.accounts import connections
from recover.accounts.settings import catalogue, changes
from recover.compliance import audit_log
from recover.dunning import CaseState, RetryMode
from recover.foundation import config, upgrade
from recover.foundation.signed_links import Payload, Purpose
from recover.models import Company, Message, MessageStatus, RecoveryCase
from recover.people import users as sign_in
from recover.services import Services, build
from sandbox.api import create_stripe
from sandbox.clock import Clock
from sandbox.consent import CLIENT_ID
from sandbox.director import Director
from sandbox.mailbox import Mailbox
from sandbox.mailbox_site import mailbox_app
from sandbox.people import People, PostOverHttp
from sandbox.processes import Processes, free_port, wait_for
from sandbox.sandbox import START, Sandbox
from sandbox.server import serve
from sandbox.world import World
from webhooks.handlers import HANDLED_TYPES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FOUNDER = "founder@fernhill.test"


@dataclass
class Stage:
    sandbox: Sandbox
    mailbox: Mailbox
    people: People
    director: Director
    processes: Processes
    services: Services
    app_url: str
    mail_url: str
    stripe_url: str


@contextmanager
def stage(
    directory: Path,
    *,
    world: World | str,
    seed: int,
    subscribers: int,
    days: int,
    workers: int = 2,
    disturb: Callable[[WSGIApplication], WSGIApplication] | None = None,
) -> Iterator[Stage]:
    """Everything started and connected, with the clock at the month's first morning.

    ``disturb`` may wrap the pretend Stripe, to do mischief between its requests.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with ExitStack() as stack:
        clock = Clock(START, directory / "clock")
        sandbox = Sandbox(world, seed, clock, subscribers=subscribers, days=days)
        stack.callback(sandbox.close)
        stripe_app: WSGIApplication = create_stripe(sandbox)
        stripe = serve(disturb(stripe_app) if disturb else stripe_app)
        stack.callback(stripe.stop)
        sandbox.state.base_url = stripe.url
        mailbox = stack.enter_context(Mailbox(now=clock.now, keep=1_000_000))
        processes = Processes(directory)
        stack.callback(processes.stop)
        redis_url = processes.start_redis()
        env = _environment(directory, sandbox, stripe.url, mailbox.url, redis_url)
        settings = config.load(env, env_file=directory / "no.env")
        upgrade.upgrade(settings.database_url)
        services = build(settings)
        stack.callback(services.close)
        connect(services, sandbox)
        processes.start_product(env | {"PORT": env["BASE_URL"].rpartition(":")[2]}, workers)
        wait_for(lambda: healthy(settings.base_url), "the web server")
        site = mailbox_app(mailbox)
        site.add_url_rule("/founder", "founder", lambda: redirect(founders_link(services)))
        mail_site = serve(site)
        stack.callback(mail_site.stop)
        post = PostOverHttp(mailbox, mail_site.url)
        stack.callback(post.close)
        people = People(sandbox, post, stripe.url)
        redis = Redis.from_url(redis_url)
        stack.callback(redis.close)
        director = Director(sandbox, services.db, redis, people)
        yield Stage(
            sandbox,
            mailbox,
            people,
            director,
            processes,
            services,
            settings.base_url,
            mail_site.url,
            stripe.url,
        )


def _environment(
    directory: Path, sandbox: Sandbox, stripe_url: str, smtp_url: str, redis_url: str
) -> dict[str, str]:
    return {
        "SECRET_KEYS": Fernet.generate_key().decode(),
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "BASE_URL": f"http://127.0.0.1:{free_port()}",
        "DATABASE_URL": f"sqlite:///{directory}/recover.db",
        "REDIS_URL": redis_url,
        "SMTP_URL": smtp_url,
        "MAIL_FROM": "recover@fernhill.test",
        "STRIPE_API_BASE": stripe_url,
        "STRIPE_JS_URL": f"{stripe_url}/stripe.js",
        "STRIPE_CONNECT_BASE": stripe_url,
        "STRIPE_CLIENT_ID": CLIENT_ID,
        "STRIPE_SECRET_KEY": sandbox.platform_key,
        "STRIPE_PUBLISHABLE_KEY": sandbox.publishable_key,
        "CLOCK_FILE": str(directory / "clock"),
        "LOG_LEVEL": "WARNING",
    }


def connect(services: Services, sandbox: Sandbox) -> None:
    """The pretend company connects with its own key and lets its founder in."""
    account = connections.connect(
        services,
        "Fernhill Software",
        connections.Keys(secret=sandbox.account_key, publishable=sandbox.account_publishable_key),
        mode=RetryMode.RECOVER,
    )
    connections.add_webhook_endpoint(services, account, sorted(HANDLED_TYPES))
    # Mails to its people would depend on how many real minutes a rehearsal takes.
    silent = {name: False for name in catalogue.SETTINGS if name.startswith("notify_")}
    changes.change(services, account.id, silent | {"notify_to": ""}, actor=audit_log.COMMAND)
    with services.db.read() as session:
        company = session.get_one(Company, account.company_id)
    sign_in.add_user(services, company, FOUNDER)


def founders_link(services: Services) -> str:
    """A fresh way into the dashboard: mailed ones age by days while a month is played."""
    wanted = sign_in.request_link(services, FOUNDER, "")
    if wanted is None:
        return f"{services.settings.base_url}/sign-in"
    payload: Payload = {"nonce": wanted.nonce}
    return services.links.url("sign-in", Purpose.SIGN_IN, payload, services.now())


def card_page_link(services: Services) -> str:
    """A link as the mails carry it, of somebody who still owes something; "" where nobody does."""
    query = (
        select(Message.details)
        .join(RecoveryCase, RecoveryCase.id == Message.case_id)
        .where(RecoveryCase.state == CaseState.OPEN, Message.status == MessageStatus.SENT)
        .order_by(Message.id.desc())
    )
    with services.db.read() as session:
        details = session.scalar(query.limit(1))
    if details is None:
        return ""
    payload: Payload = {"link": details["link_id"]}
    return services.links.url("card", Purpose.CARD_PAGE, payload, services.now())


def healthy(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.RequestException:
        return False
