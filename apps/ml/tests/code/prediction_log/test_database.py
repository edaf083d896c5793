"""An address at which no file can be made is refused with its reason."""

from pathlib import Path

import pytest

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.database import open_database


def test_a_file_in_the_way_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="the file cannot be made"):
        open_database(f"sqlite:///{tmp_path}/file/log.db", create=True)
