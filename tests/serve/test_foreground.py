"""`sensorium serve --foreground`, as a container runs it: SIGTERM cuts no request and leaves no process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml

from deployments.launch.instance import Instance, free_port, load, processes
from tests.serve.conftest import ECHO, ROOT


def test_sigterm_finishes_what_is_under_way_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text(yaml.safe_dump({"applications": [ECHO]}))
    port = free_port(18700)
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    program = str(Path(sys.executable).parent / "sensorium")
    command = [program, "serve", "--foreground", "--config", str(config), "--port", str(port)]
    with (tmp_path / "output").open("w") as output, ThreadPoolExecutor(1) as pool:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            instance = _await_ready(process, tmp_path / "output")
            second = subprocess.run(
                [*command, "--port", str(port)], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert second.returncode == 1
            assert "already running" in second.stderr
            say = f"{instance.base_url}/echo/say?text=late&seconds=4"
            late = pool.submit(httpx.post, say, timeout=60)
            time.sleep(1.5)
            process.send_signal(signal.SIGTERM)
            assert late.result().status_code == 200
            assert process.wait(90) == 0, (tmp_path / "output").read_text()
        finally:
            process.kill()
    assert processes(instance.name) == []
    assert load() is None


def _await_ready(process: subprocess.Popen[bytes], output: Path) -> Instance:
    deadline = time.monotonic() + 240
    while "Sensorium is ready" not in output.read_text():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.5)
    instance = load()
    assert instance is not None
    return instance
