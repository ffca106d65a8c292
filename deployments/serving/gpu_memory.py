"""A process's share of its card's memory, and how each library is held to it. Knows neither Ray nor any model.

Ray's `num_gpus: 0.25` is bookkeeping: it decides who runs on a card, not how much memory he takes. So whoever starts an
engine on a share says so first (`claim`), and the backends ask here for the cap in their library's terms:

| library | cap | holds |
|---|---|---|
| torch | `set_per_process_memory_fraction` | every tensor; beyond it `OutOfMemoryError`, in this process alone |
| ONNX Runtime | `gpu_mem_limit`, an equal part for each session | each session's arena, cuDNN's workspaces included |
| Paddle | `FLAGS_gpu_memory_limit_mb` | everything its allocator takes |
| CTranslate2 | has none | only what it keeps for later is bounded; its batches bound the rest |

The CUDA context and the libraries' own handles lie outside every cap: `CONTEXT_BYTES` of each share are left for them.
Never run on a GPU by this project, for want of one; the tests assert the calls that are made.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import MutableMapping
from typing import Any

from deployments.serving.errors import BackendMissing

SHARE_VARIABLE = "SENSORIUM_GPU_SHARE"
"""In the environment because it is a fact of the process, as the libraries' own settings are: 0 to 1 of one card."""

CONTEXT_BYTES = 512 * 2**20
"""A CUDA context with cuBLAS and cuDNN loaded takes 300 to 500 MiB on recent cards, as `nvidia-smi` shows it."""


def claim(gpus: float) -> None:
    """This process may use `gpus` of a card (Ray's `num_gpus`). Call it before the model's library is imported.

    0 changes nothing; a whole card or more lifts the cap.
    """
    if 0 < gpus < 1:
        os.environ[SHARE_VARIABLE] = str(gpus)
    elif gpus >= 1:
        os.environ.pop(SHARE_VARIABLE, None)


def share() -> float | None:
    """The share that was claimed; None: no cap.

    Raises:
        ValueError: the variable holds no number between 0 and 1.
    """
    text = os.environ.get(SHARE_VARIABLE, "").strip()
    if not text:
        return None
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError(f"{SHARE_VARIABLE} is {text!r}; it must be above 0 and at most 1")
    return value


def budget(card: int) -> int | None:
    """Bytes that a library may take of a card of `card` bytes; None: no cap.

    Raises:
        BackendMissing: the share does not even hold a CUDA context.
    """
    wanted = share()
    if wanted is None:
        return None
    left = int(wanted * card) - CONTEXT_BYTES
    if left <= 0:
        raise BackendMissing(
            f"num_gpus {wanted:g} of a card of {card / 2**30:.1f} GiB leaves no memory beside the CUDA context; "
            "give this model a larger share"
        )
    return left


def cap_torch(torch: Any, device: str) -> None:
    """Holds torch's allocator to the share, on the card that `device` (`cuda`, `cuda:1`) names; a CPU has none."""
    if share() is None or not device.startswith("cuda"):
        return
    place = torch.device(device)
    total = torch.cuda.get_device_properties(place).total_memory
    torch.cuda.set_per_process_memory_fraction((budget(total) or total) / total, place)


def onnxruntime_options(sessions: int) -> dict[str, str]:
    """Options of ONNX Runtime's CUDA provider for one of `sessions` sessions of this process; empty without a share.

    Each session has an arena of its own. `kSameAsRequested` lets it grow by what is asked for; the default, the next
    power of two, would run into the limit when it is half used.
    """
    if share() is None:
        return {}
    limit = (budget(card_bytes()) or 0) // sessions
    return {"gpu_mem_limit": str(limit), "arena_extend_strategy": "kSameAsRequested"}


def cap_paddle(environ: MutableMapping[str, str] | None = None) -> None:
    """Sets the flags that Paddle reads when it is imported (its manual: "Flags: memory management")."""
    flags = os.environ if environ is None else environ
    allowed = None if share() is None else budget(card_bytes())
    if allowed is not None:
        flags["FLAGS_allocator_strategy"] = "auto_growth"  # take what is needed, not a share at once
        flags["FLAGS_gpu_memory_limit_mb"] = str(allowed // 2**20)


def bound_ctranslate2_cache(environ: MutableMapping[str, str] | None = None) -> None:
    """CTranslate2 (4.8) cannot be capped; what it keeps of freed blocks is bounded to a quarter of the share.

    It reads the variables at its first allocation (its `src/cuda/allocator.cc`): growth and range of the bins are its
    defaults, the last number is the bytes kept. What a batch takes is bounded by `batching` in the YAML.
    """
    variables = os.environ if environ is None else environ
    allowed = None if share() is None else budget(card_bytes())
    if allowed is not None:
        variables.setdefault("CT2_CUDA_ALLOCATOR", "cub_caching")
        variables.setdefault("CT2_CUDA_CACHING_ALLOCATOR_CONFIG", f"4,3,12,{allowed // 4}")


def card_bytes() -> int:
    """Memory of the first card this process sees, bytes, from `nvidia-smi`: asking CUDA would cost a context.

    Raises:
        BackendMissing: there is no NVIDIA driver, or it shows no such card.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip() or "0"
    command = ["nvidia-smi", f"--id={visible}", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603
        return int(shown.stdout.split()[0]) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise BackendMissing(
            f"this process has a share of a GPU, but nvidia-smi does not show card {visible!r} ({error}); "
            "check the driver, or set device: cpu and num_gpus: 0"
        ) from error
