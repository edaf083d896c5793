"""Which scope a path needs."""

from collections.abc import Callable, Mapping
from typing import Any

ScopeOfPath = Callable[[str, str], str | None]
"""From path and method to the scope that is needed; None: open to everybody."""

OPEN_PATHS = frozenset(("/", "/healthz", "/readyz", "/ping", "/health"))
OPEN_TREES = ("/v2/health",)
SIGNED_TREE = "/v1/webhooks"
"""What is sent there carries a signature in place of a key; its routes check it."""

SCOPED_TREES = {"/v1/admin": "admin", "/v1/explain": "explain", "/v1/outcomes": "outcomes"}
USUAL_SCOPE = "predict"


def scope_of_path(path: str, method: str) -> str | None:
    """Return the scope that a path needs; None for what tells whether the server is alive and ready, and webhooks."""
    if is_below(path, SIGNED_TREE):
        return None
    if path in OPEN_PATHS or any(is_below(path, tree) for tree in OPEN_TREES):
        return None if method in ("GET", "HEAD") else USUAL_SCOPE
    return next((scope for tree, scope in SCOPED_TREES.items() if is_below(path, tree)), USUAL_SCOPE)


def is_below(path: str, tree: str) -> bool:
    """Return whether a path is `tree` or lies below it."""
    return path.startswith(tree) and path[len(tree) : len(tree) + 1] in ("", "/")


def route_path(scope: Mapping[str, Any]) -> str:
    """Return the path that the router will look at: without the root path of the server, where it has one.

    A prefix that a proxy adds must not hide that a path is one of administration.
    """
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and is_below(path, root) else path
