"""Builders of Stripe objects: each makes one, files it in its store and returns it."""
