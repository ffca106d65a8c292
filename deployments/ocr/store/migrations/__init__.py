"""Alembic environment and revisions of the execution store; run by `deployments.ocr.store.migrate`."""
