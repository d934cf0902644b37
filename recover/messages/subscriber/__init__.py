"""Mails to subscribers."""
