"""Run by Alembic, on the connection and in the transaction that `deployments.database.migrate` opened."""

from __future__ import annotations

from alembic import context

from deployments.tasks.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # Other stores may keep their tables in the same database.
    version_table="tasks_alembic_version",
    include_name=lambda name, kind, parents: kind != "table" or name in Base.metadata.tables,
    render_as_batch=True,  # SQLite cannot alter most things in place
)
with context.begin_transaction():
    context.run_migrations()
