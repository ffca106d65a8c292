"""The share of a card's memory, and what each library is told of it.

No GPU was to be had: torch and `nvidia-smi` are stood in for, and what they are given is looked at. That the libraries
keep to it is their documentation's word.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

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
