"""A connected Stripe account, from connecting to disconnecting."""
