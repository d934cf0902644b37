"""Recover wins back failed subscription payments on Stripe."""

__version__ = "0.1.0"
