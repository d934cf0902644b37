"""Checks the TXT records of a sender's domain that say who may send mail for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dns.exception
import dns.resolver

LIFETIME = 3.0  # seconds for one question, all its repetitions included
MAX_LABELS = 8  # labels of a domain that are looked at

Lookup = Callable[[str], list[str]]
"""The TXT records of a name, empty where there is none. Raises OSError where nobody answers."""


def txt(name: str) -> list[str]:
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=LIFETIME, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise OSError(f"DNS did not answer: {type(error).__name__}") from None
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def findings(domain: str, lookup: Lookup) -> dict[str, Any]:
    """The findings as JSON: the domain, then [state, sentence] by the kind of record.

    The states are ok, missing, wrong and unknown.
    """
    return {
        "domain": domain,
        "SPF": _finding(lambda: _spf(domain, lookup)),
        "DMARC": _finding(lambda: _dmarc(domain, lookup)),
        # A DKIM key stands under a selector that the provider chose and DNS does not list.
        "DKIM": [
            "unknown",
            (
                "Cannot be looked up without the selector that your mail provider"
                " chose. Open the confirming mail, choose “show original”, and look for"
                " dkim=pass."
            ),
        ],
    }


def _finding(look: Callable[[], tuple[str, str]]) -> list[str]:
    try:
        return list(look())
    except OSError as error:
        return ["unknown", f"{error}. Look again in a few minutes."]


def _spf(domain: str, lookup: Lookup) -> tuple[str, str]:
    found = [one for one in lookup(domain) if one.lower().split(" ")[0] == "v=spf1"]
    if not found:
        return "missing", f"{domain} has no SPF record. Your mail provider's set-up page names it."
    if len(found) > 1:
        return "wrong", f"{domain} has {len(found)} SPF records; receivers then heed none of them."
    return "ok", f"{domain} has an SPF record. Whether it names your mail provider, it alone knows."


def _dmarc(domain: str, lookup: Lookup) -> tuple[str, str]:
    for name in _with_parents(domain):
        for one in lookup(f"_dmarc.{name}"):
            if one.lower().replace(" ", "").startswith("v=dmarc1"):
                return "ok", f"{name} has a DMARC policy: {one[:120]}"
    return "missing", (
        f"{domain} has no DMARC policy. Large mailbox providers ask senders for one;"
        f' "v=DMARC1; p=none" at _dmarc.{domain} is a beginning.'
    )


def _with_parents(domain: str) -> Iterator[str]:
    """The domain, then its parent domains without the top-level one."""
    labels = domain.split(".")[-MAX_LABELS:]
    for start in range(max(1, len(labels) - 1)):
        yield ".".join(labels[start:])
