"""Which device and number type to compute with: the configuration's, or the environment's."""

from __future__ import annotations

import os
from typing import Any

from deployments.serving.errors import BackendMissing, UnsupportedOption
from deployments.speech.types import SpeechConfig

DEVICE_VARIABLE = "STT_DEVICE"
COMPUTE_TYPE_VARIABLE = "STT_COMPUTE_TYPE"
COMPUTE_TYPES = (
    "auto", "default", "float32", "float16", "bfloat16", "int16",
    "int8", "int8_float32", "int8_float16", "int8_bfloat16",
)  # fmt: skip
"""CTranslate2's names (its documentation on quantization), which the old service's variable held."""


def wanted(config: SpeechConfig) -> tuple[str, str]:
    """Device and compute type; a variable of the environment goes before the configuration.

    Raises:
        UnsupportedOption: no such compute type.
    """
    device = os.environ.get(DEVICE_VARIABLE, "").strip() or config.device
    compute_type = os.environ.get(COMPUTE_TYPE_VARIABLE, "").strip() or config.compute_type
    if compute_type not in COMPUTE_TYPES:
        raise UnsupportedOption(
            f"there is no compute type {compute_type!r}; use one of {', '.join(COMPUTE_TYPES)} "
            f"({COMPUTE_TYPE_VARIABLE} or compute_type in the YAML)",
            field="compute_type",
            available=list(COMPUTE_TYPES),
        )
    return device, compute_type


def torch_device(torch: Any, wanted: str) -> str:
    """
    Raises:
        BackendMissing: torch sees no such device.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BackendMissing(f"torch cannot use device {wanted!r} here: {reason}; set {DEVICE_VARIABLE}=cpu") from error
    return wanted


def float_type(compute_type: str, device: str) -> str:
    """The number type of a library that has floats only: of `int8_float16` the second part, of `int8` and `auto` what
    the device is good at."""
    named = compute_type.rpartition("_")[2]
    if named in ("float32", "float16", "bfloat16"):
        # torch has no half-precision convolution on CPUs that is worth using.
        return "float32" if device == "cpu" and named == "float16" else named
    return "float32" if device == "cpu" else "float16"
