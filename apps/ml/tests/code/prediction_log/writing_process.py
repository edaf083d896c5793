"""Run as a process: moves journals into the database in small batches until it is killed or nothing waits.

`python -m apps.ml.tests.code.prediction_log.writing_process ADDRESS ROOT [--drain]`.
"""

import sys
import threading
import time
from pathlib import Path

from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.writer import LogWriter


def stop_when_empty(root: Path, stop: threading.Event) -> None:
    """Let the writer end once all journals were read and removed."""
    while any(root.iterdir()):
        time.sleep(0.01)
    stop.set()


if __name__ == "__main__":
    stop = threading.Event()
    writer = LogWriter(open_database(sys.argv[1], create=True), Path(sys.argv[2]), batch_entries=20, poll_seconds=0.001)
    if "--drain" in sys.argv:
        threading.Thread(target=stop_when_empty, args=(Path(sys.argv[2]), stop)).start()
    writer.run(stop)
