"""What Alembic runs to apply changes: on the connection that the caller opened and locked."""

from alembic import context

from apps.ml.prediction_log.schema import VERSION_TABLE
from apps.ml.prediction_log.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
