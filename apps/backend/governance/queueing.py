"""Publications that wait: asked for by an admin, or following from a promotion."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append_as
from apps.backend.governance.tables import governance_systems, publications
from apps.backend.identifiers import new_id

PROMOTIONS = "backend"
"""Who asks for what follows from a promotion."""


async def queue(
    connection: AsyncConnection,
    organisation: str,
    actor: str,
    model: str,
    version: str,
    system_id: str,
    control_id: str | None,
) -> str:
    """Write down that a version's evidence is to be sent, and return the publication's id."""
    now = moments.now()
    row = {
        "id": new_id(),
        "organisation_id": organisation,
        "model": model,
        "version": version,
        "system_id": system_id,
        "control_id": control_id,
        "requested_by": actor,
        "created_at": now,
        "state": "queued",
        "tries": 0,
        "next_try_at": now,
    }
    await connection.execute(publications.insert(), row)
    about = {"model": model, "version": version, "system_id": system_id, "control_id": control_id}
    await append_as(connection, organisation, actor, "publication.queued", f"publication:{row['id']}", about)
    return str(row["id"])


async def queue_after_promotion(connection: AsyncConnection, organisation: str, model: str, version: str) -> None:
    """Queue the evidence of the new champion, in the transaction of the promotion, if the model has a system."""
    query = select(governance_systems).where(
        governance_systems.c.organisation_id == organisation, governance_systems.c.model == model
    )
    system = (await connection.execute(query)).one_or_none()
    if system is not None:
        await queue(connection, organisation, PROMOTIONS, model, version, system.system_id, system.control_id)
