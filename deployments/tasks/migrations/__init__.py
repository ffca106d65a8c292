"""Alembic environment and revisions of the task store; run by `deployments.database.migrate`."""

from __future__ import annotations

from pathlib import Path

MIGRATIONS = Path(__file__).parent
