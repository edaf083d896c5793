"""Which models of the registry an organisation may use; the operator grants them by command."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.identity.tables import model_grants
from apps.backend.problems import not_found


async def granted_models(connection: AsyncConnection, organisation: str) -> list[str]:
    """Return the names of the organisation's models, in order."""
    query = select(model_grants.c.model).where(model_grants.c.organisation_id == organisation)
    return sorted((await connection.execute(query)).scalars())


async def require_granted(connection: AsyncConnection, organisation: str, model: str) -> None:
    """Refuse a model that the organisation may not use as one that does not exist (404)."""
    query = select(model_grants.c.model).where(
        model_grants.c.organisation_id == organisation, model_grants.c.model == model
    )
    if (await connection.execute(query)).scalar() is None:
        raise not_found("model")
