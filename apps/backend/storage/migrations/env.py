"""What Alembic runs to apply changes: on the connection that the caller opened and locked."""

from alembic import context

from apps.backend.storage.schema import VERSION_TABLE
from apps.backend.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
