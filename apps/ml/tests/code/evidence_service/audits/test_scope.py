"""Files are read for keys with the scope `audit` alone, and no body of another is taken."""

import time
from pathlib import Path

from apps.ml.deployment.protection.door import open_door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_store import MICROSECONDS, Wanted, create_key
from apps.ml.deployment.protection.key_text import SCOPES
from apps.ml.evidence_service.options import Options
from apps.ml.prediction_log.database import open_database, writing
from apps.ml.prediction_log.schema import upgrade
from apps.ml.tests.code.evidence_service.audits.served_audits import CSV, served, until


def test_only_the_scope_audit_opens(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'keys.db'}", create=True)
    upgrade(engine)
    now = int(time.time() * MICROSECONDS)
    with writing(engine) as connection:
        texts = {scope: create_key(connection, Wanted(scope, (scope,)), now).text for scope in SCOPES}
    door = open_door(DoorSettings(), engine)
    try:
        with served(tmp_path / "private", Options(door=door)) as service:
            for path in ("/v1/audits", "/v1/tables"):
                assert service.client.post(path, content=b"a\n1\n", headers=CSV).status_code == 401
                answered = {
                    # A body without a table is refused once it is looked at.
                    scope: service.client.post(path, headers={**CSV, "X-API-Key": text}).status_code
                    for scope, text in texts.items()
                }
                assert answered == {scope: 422 if scope == "audit" else 403 for scope in SCOPES}
            until(lambda: door.in_flight == 0)  # a caller may have its answer before it is let out
    finally:
        door.close()
        engine.dispose()
