"""The only way to Stripe."""
