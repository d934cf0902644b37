"""What Recover would have done on an account's own past, told without claiming what nobody knows.

`replay` goes through one failed renewal, `tally` sums up many: both pure. `run` reads the imported
past and keeps the report.
"""

from recover.onboarding.dry_run.runner import DAYS, request, request_first, work

__all__ = ["DAYS", "request", "request_first", "work"]
