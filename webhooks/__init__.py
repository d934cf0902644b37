"""Stripe's events: verified, stored once, drained in batches, and handled by one call each."""
