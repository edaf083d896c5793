"""Run as a process: appends until files may grow no further, then lets them grow again and appends on.

Prints how many entries were appended before and after, and what the journal said of its trouble in between.
"""

import json
import resource
import sys
import time
from pathlib import Path

from apps.ml.prediction_log.entries import OutcomeEntry
from apps.ml.prediction_log.journal import Journal, LogFullError

SEGMENT = 1 << 16


def append_until_full(journal: Journal, most: int) -> int:
    for count in range(most):
        try:
            journal.append(OutcomeEntry("x" * 500, count, 0.0, None, None, None))
        except LogFullError:
            return count
    return most


if __name__ == "__main__":
    journal = Journal(Path(sys.argv[1]), segment_bytes=SEGMENT)
    journal.append(OutcomeEntry("", 0, 0.0, None, None, None))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT // 2, hard))
    before = append_until_full(journal, 10_000)
    trouble = journal.trouble()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    while not journal.room:
        time.sleep(0.01)
    after = append_until_full(journal, 300)
    journal.close()
    print(json.dumps({"before": before, "after": after, "trouble": trouble, "trouble_after": journal.trouble()}))
