"""Expensive things that are made once: a small registry with two versions, and the running product over it."""

from collections.abc import Iterator

import pytest

from apps.backend.demo.stack import Stack, running_stack
from tests.product.small_registry import MODEL, make_registry
from tests.workspace import Workspace

SETTINGS = {"FAIRMIND_MODEL": f"models:/{MODEL}@champion", "FAIRMIND_REFRESH_SECONDS": "1"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The repository whose registry holds a champion and a candidate."""
    return make_registry(tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="module")
def stack(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Model server, evidence service and backend over that registry."""
    with running_stack(tmp_path_factory.mktemp("stack"), extra=SETTINGS, root=workspace.root) as running:
        yield running
