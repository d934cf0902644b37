"""What a connected account's history can and cannot say about its retries.

`renewals` builds the history of each failed renewal, `audit` checks it against the rules,
`off_policy` estimates what other retry times would have given, and `report` puts it together: all
pure. `reader` fetches the history from Stripe into `files`, so that a killed run can continue.
"""
