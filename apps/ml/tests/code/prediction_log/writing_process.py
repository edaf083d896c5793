"""Run as a process: moves journals into the database in small batches until it is killed or nothing waits.

`python -m apps.ml.tests.code.prediction_log.writing_process ADDRESS ROOT`.
"""

import sys
import threading
from pathlib import Path

from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.writer import LogWriter

if __name__ == "__main__":
    stop = threading.Event()
    writer = LogWriter(open_database(sys.argv[1], create=True), Path(sys.argv[2]), batch_entries=20, poll_seconds=0.001)
    if "--drain" in sys.argv:
        threading.Timer(0.5, stop.set).start()
    writer.run(stop)
