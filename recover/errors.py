"""The few exceptions of Recover, split by the one question a caller has: would trying again help?"""

from __future__ import annotations


class RecoverError(Exception):
    """Base of everything Recover raises on purpose. The text is safe to show to a founder."""


class TransientError(RecoverError):
    """Nothing is wrong with the request; the same call may succeed later.

    ``retry_after`` is in seconds, or None where the other side did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(RecoverError):
    """Trying the same again cannot help; a person or another decision is needed."""


class StripeUnavailable(TransientError):
    """Stripe could not be reached, answered 5xx, or asked us to slow down."""


class StripeRejected(PermanentError):
    """Stripe understood the request and refused it (an invalid request, never a decline).

    ``code`` is Stripe's error code, such as ``invoice_already_paid``; "" where it gave none.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StripeAccessLost(PermanentError):
    """The key was revoked, lacks a permission, or the account was disconnected."""


class MailUnavailable(TransientError):
    """The mail server could not be reached or asked us to come back later (4xx)."""


class MailRefused(PermanentError):
    """The mail server refused the message or the address for good (5xx)."""


class BadSignature(PermanentError):
    """A webhook's signature does not match, is stale, or is missing."""


class ConfigError(PermanentError):
    """One or more settings are missing or wrong; the text names every one of them."""
