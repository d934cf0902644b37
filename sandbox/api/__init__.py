"""The pretend Stripe over HTTP: `create_stripe` makes its Flask application."""

from sandbox.api.app import create_stripe

__all__ = ["create_stripe"]
