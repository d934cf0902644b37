"""What Recover would have done with an account's past failed renewals, claiming no more than that.

`replay` goes through one failed renewal, `tally` sums up many: both pure. `runner` reads the
imported history and stores the report.
"""

from recover.onboarding.dry_run.runner import DAYS, request, request_first, work

__all__ = ["DAYS", "request", "request_first", "work"]
