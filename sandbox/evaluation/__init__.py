"""Retry policies against each other, on the same pretend failed invoices. Nothing here is real."""
