"""The way from a connected account to one that recovers payments, item by item.

`items` says what stands and what is next, from what can be seen; `stripe_signs` keeps what would be
forgotten; `sender` proves the sender's address; `going_live` is the last step, with its report.
"""
