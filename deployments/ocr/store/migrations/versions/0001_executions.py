"""Executions and their text boxes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "ocr_executions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("chain_id", sa.Text),
        sa.Column("batch_id", sa.Text),
        sa.Column("image_index", sa.Integer, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("public_file_path", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("confidence_threshold", sa.Double, nullable=False),
        sa.Column("use_angle_cls", sa.Boolean, nullable=False),
        sa.Column("backend", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("pages", sa.Integer, nullable=False),
        sa.Column("duration_ms", sa.Double, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ocr_executions"),
        sa.UniqueConstraint("chain_id", "image_index", name="uq_ocr_executions_chain_id_image_index"),
        sa.CheckConstraint("status IN ('success', 'failed')", name=op.f("ck_ocr_executions_status")),
    )
    op.create_index("ix_ocr_executions_created_at_id", "ocr_executions", ["created_at", "id"])
    op.create_index("ix_ocr_executions_batch_id_created_at", "ocr_executions", ["batch_id", "created_at"])
    op.create_index("ix_ocr_executions_status_created_at", "ocr_executions", ["status", "created_at"])
    op.create_table(
        "ocr_text_boxes",
        sa.Column("execution_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("bbox", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("rotation", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "position", name="pk_ocr_text_boxes"),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["ocr_executions.id"],
            name="fk_ocr_text_boxes_execution_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("ocr_text_boxes")
    op.drop_table("ocr_executions")
