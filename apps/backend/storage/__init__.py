"""The database: tables, migrations, transactions, pages; every row belongs to an organisation."""
