"""Setting single values of a YAML file line by line: comments, order and spacing of everything else stay.

Only what can be done safely is done: block mappings with plain keys, and plain values. The edited text is read back and
compared with what it should say, and refused where it says anything else.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import yaml

from apps.ml.errors import ParameterError

KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z_][\w-]*):(?P<rest>.*)$")
VALUE = re.compile(r"^(?P<space>\s*)(?P<value>[^\s#\[{&*|>!][^#]*?)?(?P<after>\s*)(?P<remark>#.*)?$")
STEP = 2
"""Spaces by which a new section is indented."""


def set_values(text: str, values: Mapping[str, Any], otherwise: str = "") -> str:
    """Return the text with values set by dotted path; a path that is not there is added at the end of its section.

    Parameters
    ----------
    otherwise
        The act that an error names in place of the edit.

    Raises
    ------
    ParameterError
        A path leads through a list or a mapping on one line, or to something that is no plain value.
    """
    expected = deepcopy(yaml.safe_load(text))
    lines = text.splitlines()
    for path, value in values.items():
        keys = path.split(".")
        if not _set(expected, keys, value):
            raise _refused(path, otherwise)
        edited = _edited(lines, keys, value)
        if edited is None:
            raise _refused(path, otherwise)
        lines = edited
    found = "\n".join(lines) + "\n"
    if yaml.safe_load(found) != expected:
        raise _refused(next(iter(values)), otherwise)
    return found


def yaml_scalar(value: Any) -> str:
    """Return a plain value as YAML 1.1 reads it back: `1.0e-05`, for `1e-05` would be read as a word."""
    if isinstance(value, float) and "e" in repr(value):
        mantissa, exponent = repr(value).split("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    written: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True)
    return written.removesuffix("\n").removesuffix("...").strip()


def _refused(path: str, otherwise: str) -> ParameterError:
    act = f"Set it by hand, or run `{otherwise}`." if otherwise else "Set it by hand."
    return ParameterError(f"params.yaml: {path} cannot be set without touching other lines. {act}")


def _set(content: Any, keys: Sequence[str], value: Any) -> bool:
    for key in keys[:-1]:
        if not isinstance(content, dict):
            return False
        content = content.setdefault(key, {})
    if not isinstance(content, dict) or isinstance(content.get(keys[-1]), dict | list):
        return False
    content[keys[-1]] = value
    return True


def _edited(lines: list[str], keys: Sequence[str], value: Any) -> list[str] | None:
    """Return the lines with one value set, None where that is not safe."""
    start, end, indent = 0, len(lines), 0
    for depth, key in enumerate(keys):
        at = _line_of(lines, start, end, indent, key)
        if at is None:
            return _added(lines, start, end, indent, keys[depth:], value)
        if depth == len(keys) - 1:
            replaced = _replaced(lines[at], value)
            return None if replaced is None else [*lines[:at], replaced, *lines[at + 1 :]]
        match = KEY.match(lines[at])
        if match is None or match["rest"].partition("#")[0].strip():
            return None
        start, end = at + 1, _end_of_block(lines, at, end, indent)
        indent = _indent_inside(lines, start, end, indent)
    return None


def _line_of(lines: Sequence[str], start: int, end: int, indent: int, key: str) -> int | None:
    for at in range(start, end):
        match = KEY.match(lines[at])
        if match and len(match["indent"]) == indent and match["key"] == key:
            return at
    return None


def _end_of_block(lines: Sequence[str], at: int, end: int, indent: int) -> int:
    """Return the line after the last one that belongs to the mapping begun at `at`."""
    last = at
    for place in range(at + 1, end):
        line = lines[place]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if len(line) - len(line.lstrip()) <= indent:
            break
        last = place
    return last + 1


def _indent_inside(lines: Sequence[str], start: int, end: int, outside: int) -> int:
    for line in lines[start:end]:
        if line.strip() and not line.lstrip().startswith("#"):
            return len(line) - len(line.lstrip())
    return outside + STEP


def _replaced(line: str, value: Any) -> str | None:
    match = KEY.match(line)
    inside = VALUE.match(match["rest"]) if match else None
    if match is None or inside is None or not inside["value"]:
        return None
    if inside["value"][0] in "\"'" and "#" in line:
        return None
    written = yaml_scalar(value)
    before = f"{match['indent']}{match['key']}:{inside['space'] or ' '}"
    if not inside["remark"]:
        return before + written
    room = len(inside["value"]) + len(inside["after"])
    return f"{before}{written.ljust(room - 1)} {inside['remark']}"


def _added(lines: list[str], start: int, end: int, indent: int, keys: Sequence[str], value: Any) -> list[str]:
    """Add a value, with the sections above it that are missing, at the end of a block."""
    last = max((at for at in range(start, end) if lines[at].strip()), default=start - 1)
    new = [f"{' ' * (indent + STEP * depth)}{key}:" for depth, key in enumerate(keys)]
    new[-1] += f" {yaml_scalar(value)}"
    return [*lines[: last + 1], *new, *lines[last + 1 :]]
