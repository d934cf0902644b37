"""The audit log, and what personal data is kept, handed out and erased."""
