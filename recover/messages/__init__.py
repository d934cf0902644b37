"""Mails: to subscribers, to the company's own people, and the suppression list."""
