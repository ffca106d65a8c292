"""cluster.yaml against Ray's own validation, the code's environment and the lock. It was never started on AWS."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.launch import install
from deployments.launch.environment import SERVE_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[3]
NODE_TYPES = ("cpu_worker", "gpu_worker")
START = ("head_start_ray_commands", "worker_start_ray_commands")


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    return document


def _validate(document: dict[str, Any]) -> dict[str, Any]:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared: dict[str, Any] = prepare_config(document)
    validate_config(prepared)
    return prepared


def _exported(commands: list[str]) -> dict[str, str]:
    [start] = [command for command in commands if "ray start" in command]
    [exports] = re.findall(r"export (.*?);", start)
    return dict(word.split("=", 1) for word in shlex.split(exports))


def test_ray_accepts_it(cluster: dict[str, Any]) -> None:
    prepared = _validate(cluster)
    assert prepared["head_node_type"] == "head"
    assert sum(prepared["available_node_types"][name]["max_workers"] for name in NODE_TYPES) == prepared["max_workers"]


@pytest.mark.parametrize("path", [("idle_timeout_minuts",), ("available_node_types", "gpu_worker", "max_worker")])
def test_ray_sees_a_typo(path: tuple[str, ...]) -> None:
    document = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = 1
    with pytest.raises(Exception, match=path[-1]):
        _validate(document)


def test_the_head_runs_no_model(cluster: dict[str, Any]) -> None:
    head = cluster["available_node_types"][cluster["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    assert "--num-cpus=0" in cluster["head_start_ray_commands"][-1]


def test_both_worker_types_scale_and_the_gpu_one_has_a_card(cluster: dict[str, Any]) -> None:
    types = cluster["available_node_types"]
    for name in NODE_TYPES:
        assert 0 <= types[name]["min_workers"] < types[name]["max_workers"]
        assert types[name]["resources"]["CPU"] > 0
    assert types["gpu_worker"]["resources"]["GPU"] == 1
    assert "GPU" not in types["cpu_worker"]["resources"]


@pytest.mark.parametrize("which", START)
def test_every_node_has_the_environment_of_the_code(cluster: dict[str, Any], which: str) -> None:
    exported = _exported(cluster[which])
    assert {name: exported.get(name) for name in SERVE_ENVIRONMENT} == SERVE_ENVIRONMENT
    assert exported["RAY_SERVE_HAPROXY_BINARY_PATH"].endswith("/sensorium-haproxy")
    assert exported["RAY_AUTH_MODE"] == "token"


def test_head_and_workers_have_the_same_environment(cluster: dict[str, Any]) -> None:
    head, worker = (_exported(cluster[which]) for which in START)
    assert head == worker


def test_it_installs_the_lock_and_the_torch_of_the_installer(cluster: dict[str, Any]) -> None:
    setup = "\n".join(cluster["setup_commands"])
    assert set(re.findall(r"torch==([\d.]+)", setup)) == {install.TORCH}
    assert install.CPU_INDEX in setup
    assert "--no-deps -r requirements.lock" in setup
    lock = (ROOT / "requirements.lock").read_text()
    [ray_version] = re.findall(r"(?m)^ray==(.*)$", lock)
    assert re.findall(r"onnxruntime-gpu==([\d.]+)", setup) == re.findall(r"(?m)^onnxruntime==(.*)$", lock)
    images = [cluster["docker"]["image"], cluster["available_node_types"]["gpu_worker"]["docker"]["worker_image"]]
    assert all(image.startswith(f"rayproject/ray:{ray_version}-py311-") for image in images)


def test_no_node_gets_a_security_group_that_ray_makes(cluster: dict[str, Any]) -> None:
    """Ray's own opens port 22 to the world (`_create_default_ssh_inbound_rules`), in addition to any of ours."""
    for node_type in cluster["available_node_types"].values():
        assert node_type["node_config"]["SecurityGroupIds"]
    assert "security_group" not in cluster["provider"]
