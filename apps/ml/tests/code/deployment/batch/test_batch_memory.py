"""The memory that a job takes depends on the size of a piece, not on that of the file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from apps.ml.tests.loan_files import applications

REPOSITORY = Path(__file__).parents[6]
CHUNK_ROWS, FEW, MANY = 2_000, 10, 60
MORE_MEGABYTES = 50
"""What the many pieces may take more; the rows of all of them take over 150 MB before any is scored."""

LONG_NAME = 1500
STATUS = Path("/proc/self/status")
PEAK = f"""
import sys
from pathlib import Path
from apps.ml.tests.scoring_process import main
main(*sys.argv[1:4], int(sys.argv[4]))
(line,) = [line for line in Path("{STATUS}").read_text().splitlines() if line.startswith("VmHWM:")]
print(int(line.split()[1]) // 1024)
"""
"""Not `ru_maxrss`: that counts the memory of the process that started this one as well."""

LONGEST_SECONDS = 600


def peak_megabytes(source: Path, bundle_folder: Path) -> int:
    command = [sys.executable, "-c", PEAK, str(source), str(source.with_suffix(".out.csv")), str(bundle_folder)]
    ended = subprocess.run(
        [*command, str(CHUNK_ROWS)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST_SECONDS,
    )
    return int(ended.stdout.splitlines()[-1])


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell the memory of a process in /proc")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_of_many_pieces_takes_hardly_more_memory_than_one_of_few(
    bundle_folder: Path, tmp_path: Path, ending: str
) -> None:
    rows = applications(CHUNK_ROWS)
    piece = pa.Table.from_pandas(rows.assign(name=rows["name"].str.pad(LONG_NAME)), preserve_index=False)
    paths = {times: tmp_path / f"{times}.{ending}" for times in (FEW, MANY)}
    for times, path in paths.items():
        table = pa.concat_tables([piece] * times)
        if ending == "csv":
            csv.write_csv(table, path)
        else:
            parquet.write_table(table, path)
    few, many = (peak_megabytes(path, bundle_folder) for path in paths.values())
    assert many - few < MORE_MEGABYTES
    assert MANY * piece.nbytes > 150 * 2**20
    found = pd.read_csv(tmp_path / f"{MANY}.out.csv", usecols=["row", "score"])
    assert len(found) == MANY * CHUNK_ROWS
    assert np.array_equal(found["score"][:CHUNK_ROWS], found["score"][-CHUNK_ROWS:])
