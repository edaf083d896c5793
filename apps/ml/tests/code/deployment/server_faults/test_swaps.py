"""The champion moves again and again while clients ask: nobody is refused, and every answer is of one version."""

from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from apps.ml.tests.code.deployment.server_faults.conftest import GOOD, Environment, Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import CLIENTS, Heard, under_load
from apps.ml.tests.code.deployment.server_faults.processes import wait_until
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right
from apps.ml.tests.code.deployment.versions.published import Registry
from apps.ml.tests.served_process import served_process

SWAPS = 20
WORDS = tuple(GOOD)
LAST_ANSWERS = 6 * CLIENTS


def test_twenty_swaps_under_load_refuse_nobody_and_mix_no_versions(
    tmp_path: Path, registry: Registry, following: Environment, version_scores: Scores, rows: list[dict[str, Any]]
) -> None:
    registry.point("champion", WORDS[0])
    arguments = ("--model", "models:/toy_loans@champion", "--workers", "2")
    with served_process(tmp_path, *arguments, environment=following()) as server:
        server.wait_until_ready()
        with under_load(server.address, rows) as heard:
            for word in islice(cycle(WORDS), 1, SWAPS + 1):
                registry.point("champion", word)
                wait_until(partial(are_told, heard, registry.versions[word]))
            assert (heard.refused, heard.unanswered) == ({}, {})
            assert server.end() == 0
    assert heard.refused == {}
    assert_right(heard, version_scores)
    assert {told.version for told in heard.told} == set(version_scores)
    assert_all_logged(heard, log_of(tmp_path))


def are_told(heard: Heard, version: str) -> bool:
    """Tell whether the last answers to each client are all of one version, whichever process gave them."""
    return {told.version for told in heard.told[-LAST_ANSWERS:]} == {version}
