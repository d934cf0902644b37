"""The headers every page is sent with, in one place; a page asks for exceptions by `allow`.

The policy allows nothing that is not named. Few pages widen it: the card page by Stripe's origins,
and those that show a company's logo or a preview.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, Response, g

from recover.foundation.config import Settings

STRIPE_API = "https://api.stripe.com"
STRIPE_JS_HOST = "js.stripe.com"
HSTS = "max-age=31536000; includeSubDomains"
NONE = "'none'"
MAX_FORM_BYTES = 64 * 1024

STRICT: dict[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'",),
    "connect-src": ("'self'",),
    "form-action": ("'self'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'none'",),
}


@dataclass
class Allowance:
    """What one response may do beyond the strict policy."""

    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    private: bool = False  # holds somebody's data: never stored, and its address never passed on
    cached: bool = False  # the same for everybody


def configure(app: Flask, settings: Settings) -> None:
    """Session cookies, and the headers of every answer."""
    app.config.update(
        SECRET_KEY=settings.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
        SESSION_COOKIE_NAME="recover_session",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=settings.session_days),
        # Only what changes the session sends its cookie: a late answer for a picture would
        # otherwise put an older session back.
        SESSION_REFRESH_EACH_REQUEST=False,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(hours=1),
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
    )

    @app.after_request
    def protect(response: Response) -> Response:
        return _protect(response, settings)


def allow() -> Allowance:
    """The exceptions of the response being made, to be added to."""
    if "allowance" not in g:
        g.allowance = Allowance()
    allowance: Allowance = g.allowance
    return allowance


def allow_stripe(settings: Settings) -> None:
    """What Stripe.js needs, by Stripe's own security guide, and the way to hosted Checkout.

    Stripe.js writes style attributes on its frames: attributes are allowed, style elements not.
    In the demo and the tests the sandbox serves all of it from its own addresses.
    """
    js, api = origin(settings.stripe_js_url), origin(settings.stripe_api_base)
    real_js, real_api = urlsplit(js).hostname == STRIPE_JS_HOST, api == STRIPE_API
    frames = (js, "https://*.js.stripe.com", "https://hooks.stripe.com") if real_js else (js,)
    allow().sources |= {
        "script-src": (js, "https://*.js.stripe.com") if real_js else (js,),
        "frame-src": frames,
        "connect-src": (api,),
        "form-action": ("https://checkout.stripe.com",) if real_api else (api,),
        "style-src-attr": ("'unsafe-inline'",),
    }


def allow_image(url: str) -> None:
    """Let the page show one picture from elsewhere, such as a company's logo."""
    if url:
        allow().sources["img-src"] = (origin(url),)


def allow_frames_of_ours() -> None:
    """Let the page show pages of ours within it, such as a preview."""
    allow().sources["frame-src"] = ("'self'",)


def origin(url: str) -> str:
    """The scheme and host of an address, such as https://js.stripe.com."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def policy(allowance: Allowance) -> str:
    """The Content-Security-Policy of a response."""
    wider = {name: STRICT.get(name, ()) + more for name, more in allowance.sources.items()}
    # 'none' beside anything else is an error.
    wider = {name: tuple(one for one in found if one != NONE) for name, found in wider.items()}
    directives = STRICT | wider
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def _protect(response: Response, settings: Settings) -> Response:
    allowance = allow()
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    if settings.secure_cookies:
        headers["Strict-Transport-Security"] = HSTS
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = policy(allowance)
        headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"  # wallets open one
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    headers["Referrer-Policy"] = "no-referrer" if allowance.private else "same-origin"
    if allowance.private or (response.mimetype == "text/html" and not allowance.cached):
        headers["Cache-Control"] = "no-store"
    return response
