"""What a connected account's own past can and cannot say about its retries.

`histories` builds each failed renewal's story, `audit` holds it against the rules, `off_policy`
estimates what other times would have given, `core` makes one report of it: all pure. `reading` and
`kept` fetch the past from Stripe and keep it, so that a killed run goes on where it stopped.
"""
