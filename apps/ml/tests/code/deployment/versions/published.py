"""A real registry on SQLite, and bundles that were damaged or made to harm, as somebody would publish them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KDTree
from skops.io import dump

from apps.ml.files import sha256_of_file
from apps.ml.tracking_address import EVIDENCE_TAG

NAME = "toy_loans"
EVIDENCE = "e" * 64


@dataclass(frozen=True)
class Registry:
    """`versions`: what was published under a word that tests know → the number of its version."""

    root: Path
    client: Any
    versions: dict[str, str]

    @property
    def address(self) -> str:
        """What MLFLOW_TRACKING_URI is set to."""
        return registry_address(self.root)

    def publish(self, word: str, bundle: Path) -> str:
        """Register a version that holds the files of `bundle`."""
        folder = self.root / word
        shutil.copytree(bundle, folder / "artifacts" / "bundle")
        (folder / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
        found = self.client.create_model_version(NAME, source=str(folder), tags={EVIDENCE_TAG: EVIDENCE})
        self.versions[word] = str(found.version)
        return self.versions[word]

    def point(self, alias: str, word: str) -> None:
        """Let an alias name another version."""
        self.client.set_registered_model_alias(NAME, alias, self.versions[word])


def registry_address(root: Path) -> str:
    """Return the address of the registry in a folder."""
    return f"sqlite:///{root}/mlflow.db"


def new_registry(root: Path) -> Registry:
    """Create a registry with one model and no version."""
    mlflow = pytest.importorskip("mlflow")
    address = registry_address(root)
    client = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
    client.create_registered_model(NAME)
    return Registry(root, client, {})


def change_one_byte(bundle: Path) -> None:
    """Damage a file, as a disk or a transfer does."""
    path = bundle / "booster.txt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def add_a_file(bundle: Path) -> None:
    """Put a file into the bundle that its manifest does not list."""
    (bundle / "estimator.pkl").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")


def hold_a_forbidden_type(bundle: Path) -> None:
    """Replace the estimator by an object of a type that is not on the server's list, and sign again."""
    (bundle / "booster.txt").unlink()
    dump({"tree": KDTree(np.zeros((2, 2)))}, bundle / "estimator.skops")
    change_manifest(bundle, lambda files: files.pop("booster.txt"))
    sign_again(bundle, "estimator.skops")


def tell_other_golden_scores(bundle: Path) -> None:
    """Change a golden score, and sign again."""
    path = bundle / "golden_rows.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["scores"][0] += 0.01
    path.write_text(json.dumps(content), encoding="utf-8")
    sign_again(bundle, "golden_rows.json")


def point_outside(bundle: Path) -> None:
    """List a file outside of the bundle in its manifest."""
    change_manifest(bundle, lambda files: files.update({"../../../../etc/passwd": "0" * 64}))


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "changed byte": (change_one_byte, r"booster\.txt was changed"),
    "extra file": (add_a_file, r"estimator\.pkl is not listed"),
    "forbidden type": (hold_a_forbidden_type, "KDTree"),
    "other golden scores": (tell_other_golden_scores, "1 of 32 golden rows get another score"),
    "path outside": (point_outside, r"passwd is missing"),
}
"""What somebody may do to a bundle, and what the server says of it."""


def sign_again(bundle: Path, name: str) -> None:
    """Correct the manifest's digest of a file, as somebody would who changes a bundle on purpose."""
    change_manifest(bundle, lambda files: files.update({name: sha256_of_file(bundle / name)}))


def change_manifest(bundle: Path, change: Callable[[dict[str, str]], object]) -> None:
    """Let `change` work on the files that the manifest lists."""
    path = bundle / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content["files"])
    path.write_text(json.dumps(content), encoding="utf-8")
