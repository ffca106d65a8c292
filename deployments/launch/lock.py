"""`python -m deployments.launch.lock` (`make lock`): resolve pyproject.toml with pip and write the two lock files.

The lock is installed with `--no-deps`, so what is left out here stays out:

- `opencv-contrib-python`, `opencv-python`: they own `cv2` as the headless build does, and need libGL;
- `triton`, `nvidia-*`, `cuda-*`: only CUDA builds of torch use them, which `SENSORIUM_TORCH=cuda` installs with theirs;
- `openvino-telemetry`: sends events to Google Analytics on import; without it OpenVINO uses its own stub;
- `torch` itself: install.py chooses its build.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = ("opencv-contrib-python", "opencv-python", "triton", "torch", "openvino-telemetry", "sensorium")
#: Declared conflicts that we decide: paddlex wants opencv-contrib 4.10.0.84; the headless build of it is the same code.
HEADER = (
    "# Written by `make lock` from pyproject.toml ({extra}). Installed with --no-deps: see deployments/launch/lock.py\n"
)


def main() -> None:
    server = resolve("server")
    everything = resolve("server,dev")
    # The versions of the wider resolution satisfy both.
    server = {name: everything.get(name, version) for name, version in server.items()}
    _write("requirements.lock", "server", server)
    _write("requirements-dev.lock", "dev", {k: v for k, v in everything.items() if k not in server})


def resolve(extras: str) -> dict[str, str]:
    """Name -> version of everything pip would install for `.[extras]` on this platform, less what is left out."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        # A bare venv: what is installed here must not decide what is locked.
        subprocess.run([sys.executable, "-m", "venv", folder + "/venv"], check=True)
        subprocess.run(
            [f"{folder}/venv/bin/pip", "install", "--quiet", "--dry-run", "--report", str(report), f"{ROOT}[{extras}]"],
            check=True,
        )
        installs = json.loads(report.read_text())["install"]
    packages = {item["metadata"]["name"]: item["metadata"]["version"] for item in installs}
    return {
        name: version
        for name, version in packages.items()
        if name not in LEFT_OUT and not name.startswith(("nvidia-", "cuda-"))
    }


def _write(name: str, extra: str, packages: dict[str, str]) -> None:
    lines = sorted((f"{package}=={version}" for package, version in packages.items()), key=str.lower)
    (ROOT / name).write_text(HEADER.format(extra=extra) + "\n".join(lines) + "\n")
    print(f"{name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
