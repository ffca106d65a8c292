"""`python3 deployments/launch/install.py`: make `.venv` and install the lock into it; seconds when nothing changed.

Standard library only, and written so that an old Python can read it: it has to tell that Python that it is too old.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "installed.sha256"
LOCKS = ("requirements.lock", "requirements-dev.lock")
NEEDED_GB = 6
TORCH = "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    """Exit status for the shell; every failure is one message on stderr."""
    problem = _problem()
    if problem:
        print("sensorium: " + problem, file=sys.stderr)
        return 1
    wanted = _digest()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return 0
    try:
        _install()
    except subprocess.CalledProcessError as error:
        print(
            "sensorium: installing failed (see pip's lines above): " + " ".join(str(word) for word in error.cmd),
            file=sys.stderr,
        )
        return 1
    STAMP.write_text(wanted)
    return 0


def _problem() -> str:
    if sys.version_info[:2] != (3, 11):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return (
            f"Python 3.11 is needed, this is {version} ({sys.executable}). "
            "Install it, or name it: make PYTHON=/path/to/python3.11"
        )
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if not STAMP.is_file() and free_gb < NEEDED_GB:
        return (
            f"{NEEDED_GB} GB of disk are needed under {ROOT}, {free_gb:.1f} GB are free. Free some, or clone elsewhere."
        )
    return ""


def _digest() -> str:
    parts = [(ROOT / name).read_bytes() for name in (*LOCKS, "pyproject.toml")]
    parts.append(_torch_kind().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _torch_kind() -> str:
    return os.environ.get("SENSORIUM_TORCH", "cpu")


def _install() -> None:
    if not (VENV / "bin" / "python").exists():
        print("Creating .venv", flush=True)
        if importlib.util.find_spec("ensurepip") is None:
            sys.exit("sensorium: this Python has no `venv`; on Debian: apt install python3.11-venv")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    _install_torch()
    print("Installing the lock (about 3 GB, some minutes the first time)", flush=True)
    # --no-deps: the lock is complete, and leaves out what would bring a second `cv2` or CUDA (see lock.py).
    locks = [word for name in LOCKS for word in ("-r", str(ROOT / name))]
    _pip("install", "--no-deps", *locks)
    if _torch_kind() == "cuda":  # the same module for GPUs, as in cluster.yaml and the Dockerfile
        _pip("uninstall", "--yes", "onnxruntime")
        version = next(line for line in (ROOT / LOCKS[0]).read_text().split() if line.startswith("onnxruntime=="))
        _pip("install", "--no-deps", version.replace("onnxruntime", "onnxruntime-gpu"))
    _pip("install", "--no-deps", "--no-build-isolation", "-e", str(ROOT))


def _install_torch() -> None:
    if _torch_kind() == "cuda":
        _pip("install", f"torch=={TORCH}")
        return
    cpu_build = f"torch=={TORCH}+cpu"
    present = subprocess.run([*_PIP, "show", "torch"], capture_output=True, text=True, check=False).stdout
    if f"Version: {TORCH}" in present:
        return
    print("Installing torch (CPU build; SENSORIUM_TORCH=cuda for the other)", flush=True)
    # From wherever this machine's pip is told to look (a mirror, a folder of wheels), else from PyTorch's own index.
    found = subprocess.run([*_PIP, "install", "--no-deps", "--quiet", cpu_build], capture_output=True, check=False)
    if found.returncode != 0:
        _pip("install", "--no-deps", cpu_build, "--index-url", CPU_INDEX)


_PIP = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]


def _pip(*arguments: str) -> None:
    subprocess.run([*_PIP, *arguments, "--quiet"], check=True)


if __name__ == "__main__":
    sys.exit(main())
