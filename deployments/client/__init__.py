"""Sensorium in Python: `Sensorium(base_url)` and `AsyncSensorium(base_url)`, and the names of the old pipeline.

Needs httpx only: neither the services nor their libraries.
"""

from __future__ import annotations

from deployments.client.async_sensorium import AsyncSensorium
from deployments.client.async_task import AsyncTask
from deployments.client.bentoml_client import BentoMLClient
from deployments.client.errors import (
    ClientError,
    ContradictoryContext,
    RejectedRequest,
    RetryableError,
    UnexpectedReply,
)
from deployments.client.pipeline import OCRStage, PipelineContext
from deployments.client.retries import RetryPolicy
from deployments.client.sensorium import Sensorium
from deployments.client.task import Task
from deployments.client.tasks import TaskStatus

__all__ = [
    "AsyncSensorium",
    "AsyncTask",
    "BentoMLClient",
    "ClientError",
    "ContradictoryContext",
    "OCRStage",
    "PipelineContext",
    "RejectedRequest",
    "RetryPolicy",
    "RetryableError",
    "Sensorium",
    "Task",
    "TaskStatus",
    "UnexpectedReply",
]
