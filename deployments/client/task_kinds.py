"""The services that take tasks, and what their tasks give."""

from __future__ import annotations

from deployments.client.container_number import ContainerNumbers
from deployments.client.ocr_replies import BatchExtraction
from deployments.client.speech_batch import Transcripts
from deployments.client.tasks import TaskKind

OCR = TaskKind("ocr", BatchExtraction)
SPEECH = TaskKind("speech", Transcripts)
CONTAINER_NUMBER = TaskKind("container-number", ContainerNumbers)
