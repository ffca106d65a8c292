"""Tasks, their items, and the items' inputs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("fingerprint", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.UniqueConstraint("service", "idempotency_key", name="uq_tasks_service_idempotency_key"),
        sa.CheckConstraint("state IN ('queued', 'running', 'finished', 'cancelled')", name=op.f("ck_tasks_state")),
    )
    op.create_index("ix_tasks_service_created_at_id", "tasks", ["service", "created_at", "id"])
    op.create_index("ix_tasks_expires_at", "tasks", ["expires_at"])
    op.create_table(
        "task_items",
        sa.Column("task_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("uri", sa.Text),
        sa.Column("refusal", sa.Text),
        sa.Column("input_bytes", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("visible_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease", sa.Text),
        sa.Column("result", sa.Text),
        sa.PrimaryKeyConstraint("task_id", "position", name="pk_task_items"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_task_items_task_id", ondelete="CASCADE"),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_task_items_state")
        ),
    )
    op.create_index("ix_task_items_service_state_visible_at", "task_items", ["service", "state", "visible_at"])
    op.create_table(
        "task_inputs",
        sa.Column("task_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "position", name="pk_task_inputs"),
        sa.ForeignKeyConstraint(
            ["task_id", "position"],
            ["task_items.task_id", "task_items.position"],
            name="fk_task_inputs_task_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("task_inputs")
    op.drop_table("task_items")
    op.drop_table("tasks")
