"""One process is told to drain, all do."""

from pathlib import Path

from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.shared_drain import SharedDrain
from apps.ml.tests.protected_server import until


def test_a_drain_of_one_process_shuts_the_doors_of_all(tmp_path: Path) -> None:
    doors = [Door(DoorSettings(keys_required=False)) for _ in range(3)]
    drains = [SharedDrain(door, tmp_path / "draining", 0.01) for door in doors]
    for drain in drains:
        drain.start()
    try:
        assert not any(door.draining for door in doors)
        drains[0].drain()
        assert doors[0].draining
        until(lambda: all(door.draining for door in doors))
    finally:
        for drain in drains:
            drain.close()


def test_a_drain_that_was_never_asked_for_ends_without_draining(tmp_path: Path) -> None:
    door = Door(DoorSettings(keys_required=False))
    drain = SharedDrain(door, tmp_path / "draining", 0.01)
    drain.start()
    drain.close()
    assert not door.draining
