"""Which files of this repository a stage really reads: the closure of its imports, function-level ones included."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def imported_modules(path: Path) -> set[str]:
    """Return the dotted names that a file imports anywhere, `from x import y` giving both x and x.y."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("apps.")}


def module_file(name: str) -> Path | None:
    """Return the file of a dotted name in this repository, None if it is not a module."""
    base = ROOT / Path(*name.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def closure(module: str) -> set[Path]:
    """Return every file below apps/ that importing and running `module` can reach."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = module_file(name)
        if path is None or path in found:
            continue
        found.add(path)
        parents = [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
        waiting += [*parents, *imported_modules(path)]
    return found
