"""Run as a process: appends answers and one label each until it is killed, and tells of each once it is appended.

`python -m apps.ml.tests.code.prediction_log.appending_process FOLDER THREADS` writes the 16 bytes of each call to its
standard output after `append` returned.
"""

import os
import sys
import threading
from pathlib import Path

from apps.ml.prediction_log.identifiers import new_call
from apps.ml.prediction_log.journal import Journal
from apps.ml.tests.code.prediction_log.made_up_entries import answer_entry, outcome_entry, version_entry


def append_for_ever(journal: Journal) -> None:
    while True:
        call = new_call()
        journal.append(answer_entry(call=call))
        journal.append(outcome_entry(call))
        os.write(sys.stdout.fileno(), call)


if __name__ == "__main__":
    shared = Journal(Path(sys.argv[1]), segment_bytes=1 << 18)
    shared.append(version_entry())
    for _ in range(int(sys.argv[2])):
        threading.Thread(target=append_for_ever, args=(shared,), daemon=True).start()
    threading.Event().wait()
