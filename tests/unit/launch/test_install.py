"""What install.py says before it installs anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.launch import install


def test_an_old_python_gets_one_clear_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert install.main() == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Python 3.11 is needed, this is 3.9" in error
    assert "PYTHON=" in error


def test_a_full_disk_gets_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(install, "STAMP", tmp_path / "none")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, int(1e9)))
    assert install.main() == 1
    assert "6 GB of disk are needed" in capsys.readouterr().err


def test_an_unchanged_lock_takes_no_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text(install._digest())
    monkeypatch.setattr(install, "STAMP", stamp)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("pip was run"))
    assert install.main() == 0


def test_the_lock_has_one_cv2_and_no_cuda() -> None:
    names = {line.split("==")[0].lower() for line in (install.ROOT / "requirements.lock").read_text().splitlines()}
    assert "opencv-python-headless" in names
    assert not names & {
        "opencv-python",
        "opencv-contrib-python",
        "torch",
        "torchvision",
        "torchaudio",
        "triton",
        "openvino-telemetry",
    }
    assert not [name for name in names if name.startswith(("nvidia", "cuda"))]
