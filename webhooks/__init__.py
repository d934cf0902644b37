"""Stripe's events: verified and stored once, drained in batches, each answered by one call."""
