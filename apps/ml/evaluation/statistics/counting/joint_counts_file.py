"""Joint counts as a file: one Parquet table that whoever holds it can merge, cut and assess without seeing a row.

One line per occupied cell. Columns: `group:<attribute>` (position of the group), `label`, `decision`, `step`, `rows`,
and where there are any `weights`, `squares`, `scores`. The names of the groups and the number of the format stand in
the file's metadata under `fairmind`. The same counts give the same bytes.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from apps.ml.errors import BadInputError
from apps.ml.evaluation.statistics.counting.cell_sums import Sums
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.files import whole_file

FORMAT = 1
KEY = b"fairmind"
GROUP = "group:"
OUTCOME = ("label", "decision", "step")


def write_joint_counts(path: Path, joint: JointCounts) -> None:
    """Write the counts, whole or not at all."""
    import pyarrow as pa
    from pyarrow import parquet

    names = [*(GROUP + attribute for attribute in joint.attributes), *OUTCOME]
    columns = {name: pa.array(joint.cells[:, at].astype(np.int32)) for at, name in enumerate(names)}
    columns |= {name: pa.array(part) for name, part in joint.sums._asdict().items() if part is not None}
    about = {
        "format": FORMAT,
        "attributes": list(joint.attributes),
        "groups": [list(groups) for groups in joint.groups],
        "score_bins": joint.score_bins,
        "labelled": joint.labelled,
    }
    metadata = {KEY: json.dumps(about, ensure_ascii=False).encode()}
    with whole_file(path) as temporary:
        parquet.write_table(pa.table(columns).replace_schema_metadata(metadata), temporary)


def read_joint_counts(path: Path) -> JointCounts:
    """Read what :func:`write_joint_counts` wrote.

    Raises
    ------
    BadInputError
        There is no such file, it is not one of joint counts, or its format is a later one.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except FileNotFoundError:
        raise BadInputError(f"{path} does not exist. Name a file that write_joint_counts wrote.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInputError(f"{path} is not a file of joint counts. Name one that write_joint_counts wrote.") from error
    written = (table.schema.metadata or {}).get(KEY)
    if written is None:
        raise BadInputError(f"{path} is a Parquet file without joint counts. Name one that write_joint_counts wrote.")
    about = json.loads(written)
    if about["format"] != FORMAT:
        raise BadInputError(
            f"{path} has format {about['format']}; this version reads format {FORMAT}. Read it with a later version."
        )
    names = [*(GROUP + attribute for attribute in about["attributes"]), *OUTCOME]
    cells = np.stack([table[name].to_numpy().astype(np.int64) for name in names], axis=1)
    parts: list[Any] = [table[name].to_numpy() if name in table.column_names else None for name in Sums._fields]
    groups = tuple(tuple(group) for group in about["groups"])
    return JointCounts(tuple(about["attributes"]), groups, cells, Sums(*parts), about["score_bins"], about["labelled"])
