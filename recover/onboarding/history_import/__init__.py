"""An account's history, read from Stripe into the database.

`pages` takes one page after the other, each stored together with the cursor it leads to;
`failed_renewals` then finds the renewals that failed at first; `runner` does a bounded slice of
either and says what comes next. A worker that is killed loses the page it was reading, and nothing
is stored twice.
"""

from recover.onboarding.history_import.progress import Progress, progress_of
from recover.onboarding.history_import.runner import begin, due, import_slice, resume

__all__ = ["Progress", "begin", "due", "import_slice", "progress_of", "resume"]
