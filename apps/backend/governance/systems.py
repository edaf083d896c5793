"""Which system of the governance store a model is a part of, for each organisation."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.governance.bodies import GovernanceSystem, GovernanceSystems, SystemOfModel
from apps.backend.governance.tables import governance_systems
from apps.backend.identity.caller import Caller
from apps.backend.identity.grants import require_granted
from apps.backend.problems import not_found
from apps.backend.storage.database import Database


async def all_systems(database: Database, organisation: str) -> GovernanceSystems:
    """Return the organisation's, by model."""
    query = select(governance_systems).where(governance_systems.c.organisation_id == organisation)
    async with database.reading() as connection:
        rows = (await connection.execute(query.order_by(governance_systems.c.model))).all()
    return GovernanceSystems(systems=[_shown(row) for row in rows])


async def put(database: Database, caller: Caller, model: str, system: SystemOfModel) -> GovernanceSystem:
    """Say which system a model is a part of, in place of what was said before (404: no such model)."""
    insert: Any = (postgresql if database.kind == "postgresql" else sqlite).insert(governance_systems)
    where = {"system_id": system.system_id, "control_id": system.control_id, "created_at": moments.now()}
    row = {"organisation_id": caller.organisation, "model": model, **where}
    query = insert.values(row).on_conflict_do_update(index_elements=["organisation_id", "model"], set_=where)
    async with database.writing() as connection:
        await require_granted(connection, caller.organisation, model)
        found = (await connection.execute(query.returning(*governance_systems.c))).one()
        await append(connection, caller, "governance.system_set", f"model:{model}", system.model_dump())
        return _shown(found)


async def remove(database: Database, caller: Caller, model: str) -> None:
    """Forget the system of a model (404: it has none); what is queued is still sent."""
    query = governance_systems.delete().where(
        governance_systems.c.organisation_id == caller.organisation, governance_systems.c.model == model
    )
    async with database.writing() as connection:
        if (await connection.execute(query)).rowcount == 0:
            raise not_found("system of a model")
        await append(connection, caller, "governance.system_removed", f"model:{model}")


def _shown(row: Any) -> GovernanceSystem:
    return GovernanceSystem(
        model=row.model, system_id=row.system_id, control_id=row.control_id, created_at=moments.to_text(row.created_at)
    )
