"""The application that the test's worker and the test itself share."""

from __future__ import annotations

import os

from celery import Celery

app = Celery(
    "test_client",
    broker=os.environ.get("TEST_REDIS_URL"),
    backend=os.environ.get("TEST_REDIS_URL"),
    include=["deployments.client.celery_task"],
)
