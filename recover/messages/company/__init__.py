"""Mails to the company's own people."""
