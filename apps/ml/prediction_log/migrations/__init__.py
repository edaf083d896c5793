"""Changes of the tables, one file each, applied in their order (Alembic)."""
