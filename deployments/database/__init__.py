"""A database of a service, SQLite or PostgreSQL: opened, migrated, spoken to. Knows no table; start at `database`."""
