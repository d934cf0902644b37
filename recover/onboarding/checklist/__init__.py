"""The way from a connected account to one that recovers payments, item by item.

`items` says how each item stands and what to do next; `progress` puts them together; `stripe_signs`
stores the state that no other table holds; `sender_check` proves the sender's address;
`going_live` is the last step, with its report.
"""
