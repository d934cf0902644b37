"""What the company's own programs get: tokens, payloads, outgoing webhooks."""
