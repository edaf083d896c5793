"""What a name means: a run's id, a DVC experiment, or a version of a registered model."""

import re
from typing import Any

from apps.ml.experiments import registry
from apps.ml.experiments.runs import find_run
from apps.ml.experiments.tracking import TrackingStore

VERSION_ADDRESS = re.compile(r"(?:models:/+)?(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<number>[0-9]+))")


def find_any_run(store: TrackingStore, reference: str) -> Any:
    """Return the complete run that `reference` means.

    Parameters
    ----------
    store : TrackingStore
    reference
        A run's id or its beginning, a DVC experiment's name, or a version as `name@alias` or `name/3`.

    Raises
    ------
    RegistryError
        There is no such run, model, version or alias, or the beginning of an id fits several.
    """
    match = VERSION_ADDRESS.fullmatch(reference)
    if match is None:
        return find_run(store, reference)
    version = registry.find_version(store, match["name"], match["number"], match["alias"])
    return store.client.get_run(version.run_id)
