"""The champion moves again and again while clients ask: nobody is refused, and every answer is of one version."""

import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from apps.ml.tests.code.deployment.server_faults.conftest import GOOD, Environment, Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import CLIENTS, under_load
from apps.ml.tests.code.deployment.server_faults.processes import wait_until
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right
from apps.ml.tests.code.deployment.versions.published import Registry
from apps.ml.tests.served_process import served_process

SWAPS = 20
WORDS = tuple(GOOD)


def test_twenty_swaps_under_load_refuse_nobody_and_mix_no_versions(
    tmp_path: Path, registry: Registry, following: Environment, version_scores: Scores, rows: list[dict[str, Any]]
) -> None:
    registry.point("champion", WORDS[0])
    arguments = ("--model", "models:/toy_loans@champion", "--workers", "2")
    with served_process(tmp_path, *arguments, environment=following()) as server:
        server.wait_until_ready()
        with under_load(server.address, rows) as heard:
            for word in islice(cycle(WORDS), 1, SWAPS + 1):
                moved, version = time.monotonic(), registry.versions[word]
                registry.point("champion", word)
                # Two clients are bound to whichever process took their connection: wait until nobody is told the old.
                wait_until(lambda: {told.version for told in heard.told[-6 * CLIENTS :]} == {version})  # noqa: B023
                print(word, round(time.monotonic() - moved, 2))
        assert server.end() == 0
    assert not heard.refused
    assert not heard.unanswered
    assert_right(heard, version_scores)
    turns = sum(one.version != next_.version for one, next_ in zip(heard.told, heard.told[1:]))
    print(len(heard.told), turns)
    assert {told.version for told in heard.told} == set(version_scores)
    assert_all_logged(heard, log_of(tmp_path))
