"""CPU default: the whole model, pooling included, as one OpenVINO graph of dynamic shapes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.embedding.backends import fidelity, graph_cache, model_files
from deployments.embedding.backends.tokenizer import TextTokenizer
from deployments.embedding.types import EmbeddingConfig, MicrobatchPolicy, TokenizedText, Vectors
from deployments.serving.errors import BackendMissing, UnsupportedOption

PRECISIONS = ("auto", "f32", "bf16", "f16")
HINTS = ("latency", "throughput")


class OpenVINOBackend:
    """A first start converts the model with torch (seconds); later ones read the graph and never import torch.

    Precision `auto` is OpenVINO's own choice: bf16 where the CPU computes it natively (AMX, AVX512-BF16), else f32.

    Raises:
        WeightsMissing, WeightsCorrupt: see `deployments.serving.weights`.
        BackendMissing: OpenVINO is not installed, or has no such device here.
        UnsupportedOption: unknown precision or hint, or not a model of text.
        EngineFailed: the graph's vectors are not the model's.
    """

    name = "openvino"
    # MiniLM-L6 on one core without AMX: a call costs 1.5-2 ms, a token 0.12 ms in bf16 and 0.21 ms in f32, so a call is
    # worth 8 to 16 tokens; AMX makes tokens cheaper. Throughput is flat from 16 to 48 and from 256 to 8,192 tokens.
    microbatches = MicrobatchPolicy(overhead_tokens=32, max_tokens=1024)

    def __init__(self, config: EmbeddingConfig) -> None:
        settings = _settings(config)
        core = _new_core()
        files = model_files.locate(config.model, config.name)
        self.device = _device(core, config.device)
        graph = graph_cache.load(core, files, Path(config.cache_dir).expanduser())
        self.model, self.published_as, self.version = files.name, files.published_as, files.version
        limited = graph.facts.limited_to(config.max_tokens)
        self.facts = graph.facts
        self._tokenizer = TextTokenizer(
            graph.tokenizer_json, max_tokens=self.facts.max_tokens, prompt=self.facts.prompt
        )
        compiled = core.compile_model(graph.model, self.device, settings)
        self.precision = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        self._infer_request: Any = compiled.create_infer_request()
        fidelity.verify(self, graph.reference)  # at the model's own max_tokens, as the reference was made
        self.facts = limited
        self._tokenizer.truncate_at(limited.max_tokens)

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        return self._tokenizer(texts)

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        return np.asarray(self._infer_request.infer([ids, mask], share_inputs=True)[0], dtype=np.float32)

    def close(self) -> None:
        self._infer_request = None


def _new_core() -> Any:
    # `import openvino` reports to Google Analytics unless its telemetry package is missing (openvino/tools/ovc,
    # which then takes its own stub). A server does not do that unasked, nor wait for a network it may not have.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise BackendMissing("OpenVINO is not installed; pip install openvino, or set backend: torch") from error
    return openvino.Core()


def _settings(config: EmbeddingConfig) -> dict[str, Any]:
    if config.precision not in PRECISIONS:
        raise UnsupportedOption(
            f"precision is {config.precision!r}; use one of {', '.join(PRECISIONS)}",
            field="precision",
            available=PRECISIONS,
        )
    if config.performance_hint not in HINTS:
        raise UnsupportedOption(
            f"performance_hint is {config.performance_hint!r}; use one of {', '.join(HINTS)}",
            field="performance_hint",
            available=HINTS,
        )
    settings: dict[str, Any] = {"PERFORMANCE_HINT": config.performance_hint.upper()}
    # By default every process binds its threads to the first cores: engines of fewer threads than cores shared them.
    settings["ENABLE_CPU_PINNING"] = False
    if config.threads:
        settings["INFERENCE_NUM_THREADS"] = config.threads
    if config.precision != "auto":
        settings["INFERENCE_PRECISION_HINT"] = config.precision
    return settings


def _device(core: Any, wanted: str) -> str:
    device = "CPU" if wanted in {"auto", "cpu"} else wanted
    available = list(core.available_devices)
    if device not in available:
        raise BackendMissing(
            f"OpenVINO has no device {device!r} here, only {', '.join(available)}; set device: cpu",
            available=available,
        )
    return device
