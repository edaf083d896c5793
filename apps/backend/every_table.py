"""All tables of the backend: importing this makes `storage.tables.METADATA` know them."""

from apps.backend.audit_log import tables as audit_log
from apps.backend.bias_tests import tables as bias_tests
from apps.backend.decisions import tables as decisions
from apps.backend.governance import tables as governance
from apps.backend.identity import tables as identity
from apps.backend.models import tables as models
from apps.backend.protection import tables as protection
from apps.backend.storage.tables import METADATA, organisations

PARTS = (identity, audit_log, protection, decisions, bias_tests, models, governance)

__all__ = ["METADATA", "PARTS", "organisations"]
