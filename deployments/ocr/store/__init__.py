"""Where OCR executions are kept: SQLite by default, PostgreSQL by URL. Start at `open_store.open_store`."""
