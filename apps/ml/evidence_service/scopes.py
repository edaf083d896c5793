"""Which scope a path of the evidence service needs."""

from typing import Final

from apps.ml.deployment.protection.paths import is_below

READ: Final = "evidence"
PROMOTE: Final = "promote"
AUDIT: Final = "audit"
OPEN_PATHS = frozenset(("/", "/healthz", "/readyz"))
REGISTRY_TREE = "/v1/registry"
AUDIT_TREES = ("/v1/audits", "/v1/tables")


def scope_of_path(path: str, method: str) -> str | None:
    """Return the scope that a path needs; None for what tells whether the service is alive and ready.

    Whatever does not read the registry changes it, also by a method that no route has.
    """
    reads = method in ("GET", "HEAD")
    if path in OPEN_PATHS and reads:
        return None
    if any(is_below(path, tree) for tree in AUDIT_TREES):
        return AUDIT
    return PROMOTE if is_below(path, REGISTRY_TREE) and not reads else READ
