"""All tables of the backend: importing this makes `storage.tables.METADATA` know them."""

from apps.backend.audit_log import tables as audit_log
from apps.backend.identity import tables as identity
from apps.backend.storage.tables import METADATA, organisations

PARTS = (identity, audit_log)

__all__ = ["METADATA", "PARTS", "organisations"]
