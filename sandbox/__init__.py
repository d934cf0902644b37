"""A pretend world: Stripe, issuers and subscribers, on a clock that is moved by hand."""
