"""What a file is, told by its content and never by its name.

References: Apache Parquet format, section File format (the magic number at both ends).
"""

import codecs
from typing import Literal

Kind = Literal["csv", "parquet"]

MEDIA_TYPES: dict[Kind, str] = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
HEAD_BYTES = 1 << 16
PARQUET = b"PAR1"
NO_TABLES = (b"<", b"{", b"%PDF-")
"""How texts begin that are HTML, XML, JSON or documents."""

SPACES = b"\t\n\x0b\x0c\r"
UNPRINTABLE = frozenset(range(32)) - frozenset(SPACES) | {127}


def kind_of(head: bytes | bytearray, tail: bytes) -> Kind | None:
    """Return what a file is, None where it is neither CSV in UTF-8 nor Parquet.

    Parameters
    ----------
    head
        Its first :data:`HEAD_BYTES` bytes, or all of it.
    tail
        Its last bytes, four at least where it has as many.
    """
    if head.startswith(PARQUET) and tail.endswith(PARQUET) and len(head) >= 2 * len(PARQUET):
        return "parquet"
    return "csv" if _may_be_text(head) else None


def may_become_a_table(head: bytes | bytearray) -> bool:
    """Tell from a file's first bytes whether what follows can make it CSV or Parquet."""
    return head.startswith(PARQUET) or _may_be_text(head)


def _may_be_text(head: bytes | bytearray) -> bool:
    plain = head.removeprefix(codecs.BOM_UTF8)
    if plain.lstrip().startswith(NO_TABLES) or not UNPRINTABLE.isdisjoint(plain):
        return False
    try:
        # Archives and pictures are no UTF-8. A full head may end in the middle of a character.
        codecs.getincrementaldecoder("utf-8")().decode(plain, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    return True
