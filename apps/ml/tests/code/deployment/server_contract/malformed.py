"""Malformed requests without end, always the same ones for a seed: sound bodies of every route, damaged.

Every sound body holds :data:`MARKS` where a person's values stand. Names of columns are no such values: a refusal may
say which one it does not know. So nothing marked is put where a name stands, and the first line of a CSV is left whole.
"""

import copy
import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apps.ml.tests.code.deployment.server_contract.written_rows import (
    BYTES,
    CSV,
    FILE,
    JSON,
    JSON_SIZE,
    PARQUET,
    STREAM,
)

MARK, MARK_NUMBER = "zebra-88118811881", 88118811881.25
MARKS = ("zebra", "88118811881")
"""So long that no id and no fraction of a second holds one by chance."""

ODD_MARK = "@odd@"
DEEP = 2_000

ODD_VALUES = (
    "null", "true", "false", "0", "-0", "-1", "1", "2", "1.5", "40.0", "1e400", "-1e400", "1e-400", "NaN", "Infinity",
    "-Infinity", "01", "1.", ".5", "0x10", "+1", "9007199254740993", "18446744073709551616", "-9223372036854775809",
    "1" + "0" * 400, "9" * 5_000, '""', '" "', f'"{MARK}"', f'["{MARK}"]', f'[["{MARK}", 1]]', f'{{"a": "{MARK}"}}',
    str(MARK_NUMBER), "[]", "{}", "[[]]", "[null]", "[{}]", "[1, [2]]", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"',
    '"\\u202e\\ufeff\\u0001"', '"𝒳𝕏🛶"', '"' + "é" * 3_000 + '"', "[" * DEEP + "]" * DEEP, '{"a":' * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP, '"40"', '"true"', '"FP64"', '{"content_type": "base64"}', "[-1]", "[2, 2]",
    '{"binary_data_size": 7}', "[0]", "'a'", "",
)  # fmt: skip
"""As they are written into the JSON; some are no JSON."""

NAME_KEYS = ("name", "columns", "id")
"""Below these keys of a document stand names; the id of a v2 request comes back with its answer."""

ODD_NAMES = ("", "\x00", "\ud800", "é" * 300, "age ", "AGE", "__proto__", "instances", "\u202e", "a" * 5_000)
TYPES = (
    JSON, CSV, PARQUET, STREAM, FILE, BYTES, "", "text/plain", "application/json; charset=utf-16", "application/xml",
    'application/json; charset="utf-8"', "application/jsonlines", "application/x-ndjson", "text/csv; header=absent",
    "multipart/form-data", "application/x-www-form-urlencoded", "application/json,text/csv", "text/csv; charset=cp437",
    ";", "a/b; " + "c" * 2_000, "APPLICATION/JSON", "\xff",
)  # fmt: skip
SIZES = ("0", "-1", "1e3", "", "7", "\xb2", "9" * 400, "0x10", "1000000", "+3", "1_0")
QUERIES = (
    "?model=", "?model=nobody", "?version=%00", "?subject=" + "s" * 300, "?alias=%ff%fe", "?model=a&model=b", "?x=1",
    "?&&=", f"?subject={MARK}", "?version=99999999999999999999", "?%6dodel=toy_loans",
)  # fmt: skip

Text = Callable[[random.Random, Any], str]


@dataclass(frozen=True)
class Sent:
    """A request: where to, what, under which headers, in pieces or at once; `damage` says what was done to it."""

    path: str
    content: bytes
    headers: dict[str, str]
    in_pieces: bool = False
    damage: str = "none"


def malformed_requests(sound: Sequence[Sent], count: int, seed: int) -> Iterator[Sent]:
    """Yield `count` damaged requests; every sound one comes in turn."""
    chance = random.Random(seed)  # noqa: S311 (nothing is kept secret)
    for number in range(count):
        request = sound[number % len(sound)]
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            request = _damaged(chance, request)
        yield replace(request, in_pieces=chance.random() < 0.1)


def _damaged(chance: random.Random, sent: Sent) -> Sent:
    kinds: list[Callable[[random.Random, Sent], Sent]] = [_with_other_bytes, _with_other_bytes, _with_other_headers]
    if sent.headers.get("Content-Type") == JSON and sent.content[:1] in (b"{", b"["):
        kinds += [_with_other_json] * 5
    return chance.choice(kinds)(chance, sent)


def _with_other_json(chance: random.Random, sent: Sent) -> Sent:
    try:
        document = json.loads(sent.content)
    except ValueError:
        return _with_other_bytes(chance, sent)
    except RecursionError:
        return sent
    changes = {"value": _odd_value, "drop": _dropped, "twice": _twice, "rename": _renamed, "grow": _grown}
    name = chance.choice(("value", "value", "value", *changes))
    text = changes[name](chance, {"root": document})
    return replace(sent, content=text.encode("utf-8", "surrogatepass"), damage=f"{sent.damage}, json {name}")


def _odd_value(chance: random.Random, around: dict[str, Any]) -> str:
    holder, key, is_name = chance.choice(_places(around))
    holder[key] = ODD_MARK
    values = [value for value in ODD_VALUES if not (is_name and MARK in value)]
    return _text(around).replace(f'"{ODD_MARK}"', chance.choice(values))


def _dropped(chance: random.Random, around: dict[str, Any]) -> str:
    holder, key, _ = chance.choice(_places(around))
    if key != "root":
        del holder[key]
    return _text(around)


def _twice(chance: random.Random, around: dict[str, Any]) -> str:
    """Write a key twice in one object, or an element twice in one array."""
    holder, key, _ = chance.choice(_places(around))
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
        return _text(around)
    holder[ODD_MARK] = chance.choice((holder[key], None, 1))
    text = _text({"root": holder}) if key == "root" else _text(around)
    return text.replace(f'"{ODD_MARK}"', json.dumps(key))


def _renamed(chance: random.Random, around: dict[str, Any]) -> str:
    holder, key, _ = chance.choice([place for place in _places(around) if isinstance(place[0], dict)])
    if key != "root":
        holder[chance.choice(ODD_NAMES)] = holder.pop(key)
    return _text(around)


def _grown(chance: random.Random, around: dict[str, Any]) -> str:
    lists = [holder[key] for holder, key, _ in _places(around) if isinstance(holder[key], list) and holder[key]]
    if lists:
        grown = chance.choice(lists)
        grown.extend([grown[0]] * chance.choice((1, 5, 200)))
    return _text(around)


def _text(around: dict[str, Any]) -> str:
    return json.dumps(around["root"], ensure_ascii=False)


def _places(around: Any, is_name: bool = False) -> list[tuple[Any, Any, bool]]:
    """Every place of a document: what holds it, under which key, and whether a name stands there."""
    items = around.items() if isinstance(around, dict) else enumerate(around) if isinstance(around, list) else ()
    found: list[tuple[Any, Any, bool]] = []
    for key, inner in items:
        is_named = is_name or key in NAME_KEYS
        found.append((around, key, is_named))
        found += _places(inner, is_named)
    return found


def _with_other_bytes(chance: random.Random, sent: Sent) -> Sent:
    kept = sent.content.find(b"\n") + 1 if sent.headers.get("Content-Type") == CSV else 0
    header, whole = sent.content[:kept], sent.content[kept:]
    at, to = sorted((chance.randrange(len(whole) + 1), chance.randrange(len(whole) + 1)))
    near = min(at + chance.randrange(1, 40), len(whole))
    changes: dict[str, Callable[[], bytes]] = {
        "cut": lambda: whole[:at],
        "behead": lambda: whole[at:],
        "flip": lambda: _flipped(chance, whole),
        "flip more": lambda: _flipped(chance, whole, 12),
        "delete": lambda: whole[:at] + whole[near:],
        "repeat": lambda: whole[:to] + whole[at:],
        "insert": lambda: whole[:at] + chance.randbytes(chance.randrange(1, 9)) + whole[at:],
        "nul": lambda: whole[:at] + b"\x00" + whole[at:],
        "no utf-8": lambda: whole[:at] + chance.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8")) + whole[at:],
        "utf-16": lambda: whole.decode("latin-1").encode("utf-16"),
        "utf-32": lambda: whole.decode("latin-1").encode("utf-32-le"),
        "mixed": lambda: whole[:at] + whole[at:].decode("latin-1").encode("utf-16-le"),
        "bom": lambda: b"\xef\xbb\xbf" + whole,
        "gzip": lambda: gzip.compress(whole, mtime=0),
        "empty": lambda: b"",
        "blank": lambda: b" \n\t" * 9,
        "noise": lambda: chance.randbytes(chance.randrange(1, 400)),
        "huge": lambda: whole * 30,
    }
    name = chance.choice(list(changes))
    return replace(sent, content=header + changes[name](), damage=f"{sent.damage}, bytes {name}")


def _flipped(chance: random.Random, whole: bytes, most: int = 1) -> bytes:
    changed = bytearray(whole)
    for _ in range(chance.randint(1, most) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _with_other_headers(chance: random.Random, sent: Sent) -> Sent:
    kind = chance.choice(("type", "type", "size", "encoding", "query", "none"))
    headers, path = dict(sent.headers), sent.path
    if kind == "type":
        headers["Content-Type"] = chance.choice(TYPES)
    elif kind == "size":
        headers[JSON_SIZE] = chance.choice((*SIZES, str(len(sent.content)), str(len(sent.content) + 1)))
    elif kind == "encoding":
        headers["Content-Encoding"] = chance.choice(("gzip", "br", "identity", "IDENTITY", "deflate, gzip", ""))
    elif kind == "query":
        path = path.partition("?")[0] + chance.choice(QUERIES)
    else:
        headers.pop("Content-Type", None)
    return replace(sent, path=path, headers=headers, damage=f"{sent.damage}, header {kind}")
