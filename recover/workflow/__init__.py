"""What moves a case: sync, steps, the end of dunning, reconciliation."""
