"""One real cluster for all tests of this folder: `sensorium serve` on the embedded models, its own port and home."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deployments.launch.code_version import VARIABLE
from deployments.launch.instance import Instance, free_port, load

ROOT = Path(__file__).resolve().parents[2]
ECHO: dict[str, Any] = {
    "name": "echo",
    "route_prefix": "/echo",
    "import_path": "tests.serve.echo_app:echo",
    "args": {"max_requests": 150},
    "deployments": [{"name": "echo", "num_replicas": 2, "ray_actor_options": {"num_cpus": 0.1}}],
}


@dataclass(frozen=True)
class Cluster:
    """A running instance and how to talk to it."""

    instance: Instance
    home: Path
    media: Path
    config: Path

    @property
    def url(self) -> str:
        return self.instance.base_url

    def sensorium(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a person would, from the project's root."""
        return sensorium(*arguments, home=self.home)


def sensorium(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "sensorium"), *arguments],
        # One version of the code: who edits a source meanwhile must not have all replicas replaced by the next command.
        env={
            **os.environ,
            "SENSORIUM_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            VARIABLE: "tests",
            **environment,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("home")
    media = tmp_path_factory.mktemp("media")
    config = yaml.safe_load((ROOT / "ray_configs" / "embedded.yaml").read_text())
    config["applications"].insert(0, ECHO)
    _more_speech_backends(config, home)
    if only := os.environ.get("SENSORIUM_TEST_SERVICES"):  # while working on one service
        config["applications"] = [item for item in config["applications"] if item["name"] in only.split(",")]
    file = home / "serve.yaml"
    file.write_text(yaml.safe_dump(config))
    port = free_port(18600)
    started = sensorium(
        "serve", "--config", str(file), "--port", str(port), home=home, SENSORIUM_MEDIA_ROOTS=str(media)
    )
    assert started.returncode == 0, started.stdout + started.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENSORIUM_HOME", str(home))
        instance = load()
    assert instance is not None
    yield Cluster(instance, home, media, file)
    stopped = sensorium("stop", home=home)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr


def _more_speech_backends(config: dict[str, Any], home: Path) -> None:
    """Beside PocketSphinx: the nano Whisper on CTranslate2, and a Whisper whose folder is not there."""
    from training.nano_whisper.export import expand

    nano = expand(ROOT / ".pytest_cache" / "d" / "nano_whisper", forms=("ct2",))["ct2"]
    speech = next(item for item in config["applications"] if item["name"] == "speech")
    speech["args"]["backends"] += [
        {"backend": "faster-whisper", "model": str(nano), "name": "nano-whisper"},
        {"backend": "transformers", "model": str(home / "no-such-model")},
    ]
    speech["deployments"] += [
        {"name": "speech-faster-whisper", "ray_actor_options": {"num_cpus": 0.1}},
        {"name": "speech-transformers", "ray_actor_options": {"num_cpus": 0.1}},
    ]


@pytest.fixture
def client(cluster: Cluster) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=cluster.url, timeout=60) as client:
        yield client
