"""What a figure was measured on, printed beside it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "ray",
    "torch",
    "openvino",
    "onnxruntime",
    "sentence-transformers",
    "paddleocr",
    "rapidocr",
    "faster-whisper",
)


def describe() -> str:
    """CPU, cores, load, Python and the libraries' versions, one line each."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"CPU: {cpu}, {os.cpu_count()} cores, {memory:.0f} GB; load average at start {os.getloadavg()[0]:.1f}\n"
        f"Python {platform.python_version()}, {libraries}"
    )
