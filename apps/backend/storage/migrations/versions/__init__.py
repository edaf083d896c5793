"""Changes of the tables, by Alembic."""
