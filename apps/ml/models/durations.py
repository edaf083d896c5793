"""How long a fit took: beside the outputs of the stage and not among them, since no two runs take equally long."""

import os

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.files import sha256_of_file, write_json
from apps.ml.models.bundle_files import MANIFEST_FILE


def write_fit_duration(paths: ArtifactPaths, seconds: float) -> None:
    """Note the seconds of the fit that made the bundle below `paths`; the bundle's digest ties the two together."""
    content = {
        "bundle_sha256": sha256_of_file(paths.bundle / MANIFEST_FILE),
        "seconds": seconds,
        "cpu_count": os.cpu_count(),
    }
    write_json(paths.duration("model_training"), content)
