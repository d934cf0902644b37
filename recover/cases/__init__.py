"""One failed invoice as we know it: evidence, payment attempts, state, timeline, ledger."""
