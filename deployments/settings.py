"""The typed form of every Serve YAML's `args`: unknown keys and values out of range are refused when it is deployed.

A service's own knobs are the frozen dataclasses of its room; here they only learn to refuse unknown keys.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, with_config

from deployments.container_number.crop_requests import ContainerNumberConfig
from deployments.container_number.limits import ContainerNumberLimits
from deployments.embedding.types import EmbeddingConfig, EmbeddingLimits
from deployments.ocr.backends.fake import FakeOptions
from deployments.ocr.backends.paddleocr import PaddleOcrOptions
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.backends.tesseract import TesseractOptions
from deployments.ocr.limits import OcrLimits
from deployments.ocr.loading import OcrConfig
from deployments.serving.audio import AudioPolicy
from deployments.serving.batching import Batching
from deployments.serving.media import MediaPolicy
from deployments.speech.types import SpeechConfig, SpeechLimits
from deployments.tasks.settings import TaskSettings

_forbid = with_config(ConfigDict(extra="forbid"))
for _dataclass in (
    *(Batching, TaskSettings, EmbeddingConfig, EmbeddingLimits, OcrConfig, OcrLimits, MediaPolicy),
    *(AudioPolicy, SpeechConfig, SpeechLimits),
    *(ContainerNumberConfig, ContainerNumberLimits),
    *(FakeOptions, PaddleOcrOptions, RapidOcrOptions, TesseractOptions),
):
    _forbid(_dataclass)


class Args(BaseModel):
    """Base of every `args`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WebArgs(Args):
    """Limits of one HTTP face. API keys come from `SENSORIUM_API_KEYS`, never from a file."""

    max_body_bytes: int = Field(default=100 * 2**20, gt=0)
    request_timeout_s: float | None = Field(default=300, gt=0)
    access_log: bool = True


class ServiceArgs(Args):
    """What every service's `args` may hold."""

    web: WebArgs = WebArgs()
    batching: Batching = Batching()
    pool_threads: int = Field(default=2, ge=1)
    """Threads for decoding and the like, beside the one of the model."""


class TaskServiceArgs(ServiceArgs):
    """Of a service that takes batches as tasks, too."""

    tasks: TaskSettings = TaskSettings()


class EmbeddingArgs(ServiceArgs):
    """`deployments.app:embedding`."""

    model: EmbeddingConfig = EmbeddingConfig()
    limits: EmbeddingLimits = EmbeddingLimits()


class OcrArgs(TaskServiceArgs):
    """`deployments.app:ocr`."""

    model: OcrConfig = OcrConfig()
    limits: OcrLimits = OcrLimits()
    database: str | None = "sqlite:///$SENSORIUM_HOME/ocr.sqlite3"
    """URL of SQLite or PostgreSQL; `$NAME` is taken from the environment, so that passwords need not stand here. null
    keeps no executions."""


class SpeechArgs(TaskServiceArgs):
    """`deployments.app:speech`."""

    backends: tuple[SpeechConfig, ...] = Field(default=(SpeechConfig(),), min_length=1)
    """In order of preference: the first that loads is the default; each is a deployment of its own."""
    limits: SpeechLimits = SpeechLimits()


class ContainerNumberArgs(TaskServiceArgs):
    """`deployments.app:container_number`."""

    model: ContainerNumberConfig = ContainerNumberConfig()
    limits: ContainerNumberLimits = ContainerNumberLimits()
    ocr_application: str | None = "ocr"
    """The Serve application that finds text for `reader=ocr` and `auto`; null leaves `reader=florence` alone."""


class FrontArgs(Args):
    """`deployments.app:front`."""

    base_url: str = "http://127.0.0.1:8000"
    """Where this replica reaches the other services: the cluster's own HTTP face."""
    services: tuple[str, ...] = ("ocr", "embedding", "speech", "container-number")
    """Applications to list, in order."""
    web: WebArgs = WebArgs()
