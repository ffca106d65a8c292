"""Every backend that can use a GPU asks for its cap before it loads, and a replica says what its share is.

No GPU was to be had: the libraries' constructors are stood in for where they would need one.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.serving import gpu_memory
from deployments.serving.errors import BackendMissing


@pytest.mark.parametrize(("reserved", "share"), [(0.25, 0.25), (0.0, None)])
async def test_a_replica_claims_what_ray_reserved_for_it_before_it_loads(
    reserved: float, share: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replica's class as Serve makes it, without Serve around it."""
    from deployments.serving import ray_metrics
    from deployments.serving.batched_model import ModelSpec, bind
    from tests.serve.echo import EchoEngine

    seen: list[float | None] = []

    def load() -> EchoEngine:
        seen.append(gpu_memory.share())
        return EchoEngine()

    monkeypatch.setenv(gpu_memory.SHARE_VARIABLE, "")
    monkeypatch.setattr(ray_metrics, "gpu_share", lambda: reserved)
    spec = ModelSpec(service="echo", load=load)
    replica_class = bind(spec)._bound_deployment.func_or_class
    del replica_class.__del__  # a coroutine, which Serve awaits
    replica = object.__new__(replica_class)
    await replica_class.__init__(replica, spec)
    await replica.runner.close()
    assert seen == [share]


@pytest.mark.parametrize("name", ["transformers", "openai-whisper"])
def test_whisper_on_torch_is_capped_before_it_loads(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deployments.speech.backends import open_backend, openai_whisper, transformers_whisper
    from deployments.speech.types import SpeechConfig

    capped: list[str] = []
    monkeypatch.setattr(gpu_memory, "cap_torch", lambda torch, device: capped.append(device))
    for module in (openai_whisper, transformers_whisper):
        monkeypatch.setattr(module, "torch_device", lambda torch, wanted: "cuda:0")
    with pytest.raises(BackendMissing):  # the folder is empty
        open_backend(SpeechConfig(backend=name, model=str(tmp_path), device="cuda"))
    assert capped == ["cuda:0"]


def test_faster_whisper_bounds_its_cache_before_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    import faster_whisper

    from deployments.speech.backends import faster_whisper as backend
    from deployments.speech.types import SpeechConfig

    order: list[str] = []

    def refuse(*_: Any, **options: Any) -> None:
        order.append(f"load on {options['device']}")
        raise RuntimeError("no card")

    monkeypatch.setattr(gpu_memory, "bound_ctranslate2_cache", lambda: order.append("bound"))
    monkeypatch.setattr(faster_whisper, "WhisperModel", refuse)
    monkeypatch.setattr(backend, "locate", lambda *_: SimpleNamespace(folder=Path("x"), name="x", version="x"))
    with pytest.raises(BackendMissing, match="no card"):
        backend.FasterWhisperBackend(SpeechConfig(backend="faster-whisper", model="/x", device="cuda"))
    assert order == ["bound", "load on cuda"]


def test_florence_is_capped_before_it_loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deployments.container_number.florence import load_base

    capped: list[str] = []
    monkeypatch.setattr(gpu_memory, "cap_torch", lambda torch, device: capped.append(device))
    with pytest.raises(BackendMissing):
        load_base(tmp_path, "cuda")
    assert capped == ["cuda"]


def test_embedding_is_capped_before_it_loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deployments.embedding.backends import torch as backend
    from deployments.embedding.types import EmbeddingConfig

    capped: list[str] = []
    monkeypatch.setattr(gpu_memory, "cap_torch", lambda torch, device: capped.append(device))
    monkeypatch.setattr(backend, "_device", lambda torch, wanted: "cuda")
    with pytest.raises(BackendMissing):
        backend.TorchBackend(EmbeddingConfig(model=str(tmp_path), backend="torch", device="cuda"))
    assert capped == ["cuda"]


@pytest.mark.parametrize("engine", ["onnxruntime", "paddle", "transformers"])
def test_paddleocr_hands_the_cap_to_its_engine(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from deployments.ocr.backends import paddleocr

    capped: list[str] = []
    monkeypatch.setattr(gpu_memory, "cap_torch", lambda torch, device: capped.append("torch"))
    monkeypatch.setattr(gpu_memory, "cap_paddle", lambda: capped.append("paddle"))
    monkeypatch.setattr(gpu_memory, "onnxruntime_options", lambda sessions: {"gpu_mem_limit": str(sessions)})
    options = paddleocr.PaddleOcrOptions(engine=engine, orientation_source="x/y")
    config = paddleocr._engine_config(options, "cuda", None, pipelines=2)
    expected = {
        "onnxruntime": ([], {"provider_options": {"cudnn_conv_algo_search": "HEURISTIC", "gpu_mem_limit": "6"}}),
        "paddle": (["paddle"], None),
        "transformers": (["torch"], None),
    }
    assert (capped, config) == expected[engine]
    assert paddleocr._engine_config(options, "cpu", None, pipelines=2) is None


def test_paddlex_gives_the_options_to_cudas_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """What PaddleOCR does with `provider_options`: its own code, up to the session's constructor."""
    from deployments.ocr.backends import opencv_distribution

    opencv_distribution.answer_for_contrib()  # as the backend does, before paddlex is imported
    from paddlex.inference.models.runners.onnxruntime_runner import ONNXRuntimeRunner

    runner = object.__new__(ONNXRuntimeRunner)
    runner._config = {"device_type": "gpu", "device_id": 0, "provider_options": {"gpu_mem_limit": "7"}}
    runner._ort = SimpleNamespace(get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    providers, options = runner._resolve_providers()
    assert dict(zip(providers, options, strict=True)) == {
        "CUDAExecutionProvider": {"device_id": 0, "gpu_mem_limit": "7"},
        "CPUExecutionProvider": {},
    }
