"""Recover's exceptions, split by whether repeating the same call may succeed."""

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
    """Repeating the same call cannot succeed; a person or another decision is needed."""


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
    """The key was revoked, lacks a permission, or the account was disconnected.

    ``status`` is 401 (who are you?) or 403 (you may not); ``code`` is Stripe's, or "".
    """

    def __init__(self, message: str, *, status: int = 403, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class MailUnavailable(TransientError):
    """The mail server could not be reached or asked us to come back later (4xx)."""


class MailRefused(PermanentError):
    """The mail server refused the message or the address for good (5xx).

    ``recipient_refused`` is True where it was the address: only then is it right to stop writing
    to it. False is about this message or its sender.
    """

    def __init__(self, message: str, *, recipient_refused: bool = False) -> None:
        super().__init__(message)
        self.recipient_refused = recipient_refused


class DeliveryUncertain(RecoverError):
    """The connection broke after the whole mail was handed over: it may have been accepted or not.

    Neither transient nor permanent: sending again may double the mail, so it is not sent again.
    """


class BadSignature(PermanentError):
    """A webhook's signature does not match, is stale, or is missing."""


class BadEvent(PermanentError):
    """A correctly signed webhook whose body is not a Stripe event: truncated, or another format."""


class LinkInvalid(PermanentError):
    """A signed link that was not made by us, or not for this purpose."""


class LinkExpired(PermanentError):
    """A signed link of ours that is too old. ``payload`` is what it carries."""

    def __init__(self, message: str, *, payload: dict[str, str | int]) -> None:
        super().__init__(message)
        self.payload = payload


class ConfigError(PermanentError):
    """One or more settings are missing or wrong; the text names every one of them."""
