"""The client's dataclasses and the services' replies have the same fields: neither may run ahead of the other."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pydantic import BaseModel

from deployments.client import container_number, embedding, health, ocr_replies, speech
from deployments.container_number import reply_models as container_number_wire
from deployments.embedding import wire as embedding_wire
from deployments.ocr import reply_models as ocr_wire
from deployments.speech import wire as speech_wire
from deployments.web.health import BackendBody, HealthBody

PAIRS: list[tuple[type, type[BaseModel]]] = [
    (ocr_replies.TextBox, ocr_wire.TextBoxReply),
    (ocr_replies.PageSize, ocr_wire.PageSize),
    (ocr_replies.Extraction, ocr_wire.ExtractTextReply),
    (ocr_replies.BatchEntry, ocr_wire.BatchEntry),
    (ocr_replies.BatchExtraction, ocr_wire.ExtractTextBatchReply),
    (ocr_replies.ExecutionSummary, ocr_wire.ExecutionSummary),
    (ocr_replies.Execution, ocr_wire.ExecutionReply),
    (ocr_replies.ExecutionPage, ocr_wire.ExecutionListReply),
    (embedding.Embedding, embedding_wire.EmbedReply),
    (embedding.EmbeddingBatch, embedding_wire.EmbedBatchReply),
    (embedding.ModelInfo, embedding_wire.ModelInfo),
    (speech.Word, speech_wire.WordReply),
    (speech.Segment, speech_wire.SegmentReply),
    (speech.Transcript, speech_wire.TranscribeReply),
    (container_number.Correction, container_number_wire.CorrectionReply),
    (container_number.ContainerNumber, container_number_wire.NumberReply),
    (container_number.ImageNumbers, container_number_wire.ImageReply),
    (container_number.ContainerNumbers, container_number_wire.ReadReply),
    (container_number.Adapter, container_number_wire.AdapterReply),
    (container_number.Adapters, container_number_wire.AdaptersReply),
    (health.ServiceHealth, HealthBody),
    (health.BackendHealth, BackendBody),
]


@pytest.mark.parametrize(("ours", "wire"), PAIRS, ids=lambda kind: kind.__name__)
def test_fields_are_the_services(ours: type, wire: type[BaseModel]) -> None:
    # An entry of a task's result has its place in the submission as well.
    placed = ["index"] if ours in (ocr_replies.BatchEntry, container_number.ImageNumbers) else []
    assert [field.name for field in fields(ours)] == [*wire.model_fields, *placed]
