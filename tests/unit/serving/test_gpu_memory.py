"""Each library is held to the process's share of the card.

No GPU was to be had: torch, `nvidia-smi` and the constructors of the engines are stood in for, and what they are given
is looked at. That the libraries keep to it is their documentation's word.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.serving import gpu_memory
from deployments.serving.errors import BackendMissing
from deployments.serving.weights import package_folder

GIB = 2**30
L4_MIB = 23_034
"""What `nvidia-smi` shows for an L4 of "24 GB"."""


class FakeTorch:
    """The part of torch that is called, with its real names and argument order."""

    def __init__(self, total: int) -> None:
        self.fractions: list[tuple[float, str]] = []
        self.cuda = SimpleNamespace(
            get_device_properties=lambda device: SimpleNamespace(total_memory=total),
            set_per_process_memory_fraction=lambda fraction, device: self.fractions.append((fraction, device)),
        )
        self.device = str


@pytest.fixture(autouse=True)
def no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpu_memory.SHARE_VARIABLE, "")  # and put back afterwards, whatever `claim` writes


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `nvidia-smi` that shows an L4 and notes how it was called."""
    notes = tmp_path / "called"
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\necho "$@" > {notes}\necho {L4_MIB}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    return notes


@pytest.mark.parametrize(("gpus", "share"), [(0.25, 0.25), (0, None), (1, None), (2, None)])
def test_a_share_is_a_part_of_one_card(gpus: float, share: float | None) -> None:
    gpu_memory.claim(gpus)
    assert gpu_memory.share() == share


def test_a_whole_card_lifts_an_earlier_cap() -> None:
    gpu_memory.claim(0.5)
    gpu_memory.claim(1)
    assert gpu_memory.share() is None


@pytest.mark.parametrize("text", ["2", "-0.5", "half"])
def test_a_share_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpu_memory.SHARE_VARIABLE, text)
    with pytest.raises(ValueError, match=text):
        gpu_memory.share()


def test_torch_gets_the_share_less_the_context() -> None:
    torch = FakeTorch(24 * GIB)
    gpu_memory.claim(0.25)
    gpu_memory.cap_torch(torch, "cuda:1")
    [(fraction, device)] = torch.fractions
    assert fraction == pytest.approx((6 - 0.5) / 24)
    assert device == "cuda:1"


@pytest.mark.parametrize(("gpus", "device"), [(0.25, "cpu"), (1, "cuda"), (0, "cuda")])
def test_torch_is_left_alone_without_a_share_or_a_card(gpus: float, device: str) -> None:
    torch = FakeTorch(24 * GIB)
    gpu_memory.claim(gpus)
    gpu_memory.cap_torch(torch, device)
    assert torch.fractions == []


def test_torch_has_what_is_called() -> None:
    """The stand-in above has torch's own names."""
    import inspect

    import torch

    parameters = inspect.signature(torch.cuda.set_per_process_memory_fraction).parameters
    assert list(parameters)[:2] == ["fraction", "device"]
    assert callable(torch.cuda.get_device_properties)


def test_a_share_too_small_for_a_context_is_refused() -> None:
    gpu_memory.claim(0.02)
    with pytest.raises(BackendMissing, match="larger share"):
        gpu_memory.cap_torch(FakeTorch(24 * GIB), "cuda")


def test_the_sessions_of_onnx_runtime_share_the_share(card: Path) -> None:
    gpu_memory.claim(0.5)
    options = gpu_memory.onnxruntime_options(sessions=4)
    assert 4 * int(options["gpu_mem_limit"]) == L4_MIB // 2 * 2**20 - gpu_memory.CONTEXT_BYTES
    assert options["arena_extend_strategy"] == "kSameAsRequested"
    assert "--id=1" in card.read_text()  # the card that Ray made visible


def test_paddle_and_ctranslate2_by_their_variables(card: Path) -> None:
    environment: dict[str, str] = {}
    gpu_memory.claim(0.5)
    gpu_memory.cap_paddle(environment)
    gpu_memory.bound_ctranslate2_cache(environment)
    allowed = L4_MIB // 2 - 512
    assert environment == {
        "FLAGS_allocator_strategy": "auto_growth",
        "FLAGS_gpu_memory_limit_mb": str(allowed),
        "CT2_CUDA_ALLOCATOR": "cub_caching",
        "CT2_CUDA_CACHING_ALLOCATOR_CONFIG": f"4,3,12,{allowed * 2**20 // 4}",
    }


def test_ctranslate2_knows_these_variables() -> None:
    [library] = package_folder("ctranslate2").with_name("ctranslate2.libs").glob("libctranslate2*")
    content = library.read_bytes()
    assert b"CT2_CUDA_CACHING_ALLOCATOR_CONFIG" in content
    assert b"cub_caching" in content


def test_nothing_is_set_without_a_share() -> None:
    environment: dict[str, str] = {}
    gpu_memory.cap_paddle(environment)
    gpu_memory.bound_ctranslate2_cache(environment)
    assert (environment, gpu_memory.onnxruntime_options(2)) == ({}, {})


def test_a_share_without_a_driver_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    gpu_memory.claim(0.5)
    with pytest.raises(BackendMissing, match="nvidia-smi"):
        gpu_memory.onnxruntime_options(1)


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
