"""ray_configs/kuberay/*.yaml against the fields of KubeRay's resources, gpu.yaml, cluster.yaml and the code's
environment. They were never applied to a cluster."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deployments.launch import kuberay
from deployments.launch.environment import SERVE_ENVIRONMENT
from tests.unit.launch.kuberay_fields import schema_of

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "ray_configs" / "kuberay"
FILES = sorted(FOLDER.glob("*.yaml"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)


def _objects(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


def _one(kind: str, file: Path = FOLDER / "rayservice.yaml", name: str = "") -> dict[str, Any]:
    [found] = [item for item in _objects(file) if item["kind"] == kind and name in ("", item["metadata"]["name"])]
    return found


def _cluster(file: Path) -> dict[str, Any]:
    spec = next(item["spec"] for item in _objects(file) if item["kind"] in ("RayService", "RayJob"))
    cluster: dict[str, Any] = spec.get("rayClusterConfig") or spec["rayClusterSpec"]
    return cluster


def _pods(file: Path) -> Iterator[dict[str, Any]]:
    """Templates of the head and of every worker group."""
    cluster = _cluster(file)
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        yield group["template"]


@every_file
def test_every_object_has_fields_that_kubernetes_knows(file: Path) -> None:
    for item in _objects(file):
        jsonschema.validate(item, schema_of(item["kind"]))


@pytest.mark.parametrize(
    "place",
    [
        ("spec", "serveConfig"),
        ("spec", "rayClusterConfig", "enableInTreeAutoscalling"),
        ("spec", "rayClusterConfig", "authOptions", "secret"),
        ("spec", "rayClusterConfig", "gcsFaultToleranceOptions", "redisAdress"),
        ("spec", "rayClusterConfig", "workerGroupSpecs", 0, "maxReplica"),
        ("spec", "rayClusterConfig", "workerGroupSpecs", 0, "template", "spec", "containers", 0, "envs"),
    ],
    ids=lambda place: place[-1],
)
def test_a_typo_would_be_seen(place: tuple[Any, ...]) -> None:
    item: Any = _one("RayService")
    inner = item
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = "x"
    with pytest.raises(jsonschema.ValidationError, match=str(place[-1])):
        jsonschema.validate(item, schema_of("RayService"))


@pytest.mark.parametrize("missing", ["groupName", "maxReplicas", "template"])
def test_what_is_required_is_required(missing: str) -> None:
    item = _one("RayService")
    del item["spec"]["rayClusterConfig"]["workerGroupSpecs"][0][missing]
    with pytest.raises(jsonschema.ValidationError, match=missing):
        jsonschema.validate(item, schema_of("RayService"))


def test_its_serve_configuration_is_gpu_yaml() -> None:
    inside = yaml.safe_load(_one("RayService")["spec"]["serveConfigV2"])
    assert inside == yaml.safe_load((ROOT / "ray_configs" / "gpu.yaml").read_text())


def test_the_command_that_writes_it_changes_nothing_now() -> None:
    text = kuberay.RAY_SERVICE.read_text()
    assert kuberay.with_serve_config(text, kuberay.SERVE_CONFIG.read_text()) == text


def test_the_command_replaces_the_block_and_only_it() -> None:
    manifest = "spec:\n  serveConfigV2: |\n    old: 1\n\n    older: 2\n  next: 3\n"
    assert kuberay.with_serve_config(manifest, "# a\nnew:   # b\n  x: 1\n") == (
        "spec:\n  serveConfigV2: |\n    new:\n      x: 1\n  next: 3\n"
    )
    with pytest.raises(ValueError, match="once, not 0 times"):
        kuberay.with_serve_config("spec:\n", "a: 1\n")


@every_file
def test_every_pod_has_the_environment_of_the_code(file: Path) -> None:
    environments = [
        {item["name"]: item["value"] for item in pod["spec"]["containers"][0]["env"]} for pod in _pods(file)
    ]
    assert all(environment == environments[0] for environment in environments)
    # Jobs serve nothing: they need the rest.
    wanted = {k: v for k, v in SERVE_ENVIRONMENT.items() if "RAY_SERVE" not in k or file.stem == "rayservice"}
    assert {name: environments[0].get(name) for name in wanted} == wanted


@every_file
def test_pods_are_what_the_dockerfile_makes(file: Path) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    [user, group] = re.findall(r"(?m)^USER (\d+):(\d+)$", dockerfile)[0]
    for pod in _pods(file):
        context = pod["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (int(user), int(group), int(group))
        environment = {item["name"]: item["value"] for item in pod["spec"]["containers"][0]["env"]}
        program = environment.get("RAY_SERVE_HAPROXY_BINARY_PATH", "/opt/venv/bin/sensorium-haproxy")
        assert f"ENV PATH={Path(program).parent}:" in dockerfile
    assert "wget" in dockerfile  # the operator's probes run it


@every_file
def test_ray_asks_for_the_token_and_the_head_runs_no_model(file: Path) -> None:
    cluster = _cluster(file)
    assert cluster["authOptions"]["mode"] == "token"
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["autoscalerOptions"]["version"] == "v2"
    assert cluster["rayVersion"] in (ROOT / "requirements.lock").read_text()


def test_the_head_survives_in_redis() -> None:
    redis = _one("Service")["metadata"]["name"]
    [claim] = _one("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"]
    assert redis in _cluster(FOLDER / "rayservice.yaml")["gcsFaultToleranceOptions"]["redisAddress"]


def test_the_policies_hold_for_every_pod_and_open_the_service_port_only() -> None:
    for file in FILES:
        assert all(pod["metadata"]["labels"] == {"app": "sensorium"} for pod in _pods(file))
    policy = _one("NetworkPolicy", name="sensorium")["spec"]
    assert policy["podSelector"]["matchLabels"] == {"app": "sensorium"}
    to_everybody = [rule for rule in policy["ingress"] if "from" not in rule]
    assert [port["port"] for rule in to_everybody for port in rule["ports"]] == [8000]
    redis = _one("NetworkPolicy", name="sensorium-redis")["spec"]
    assert redis["podSelector"]["matchLabels"] == _one("Service")["spec"]["selector"]
    assert [rule["from"] for rule in redis["ingress"]] == [[{"podSelector": {"matchLabels": {"app": "sensorium"}}}]]


def test_gpu_workers_are_those_of_cluster_yaml() -> None:
    there = yaml.safe_load((ROOT / "cluster.yaml").read_text())["available_node_types"]["gpu_worker"]
    group = next(
        item for item in _cluster(FOLDER / "rayservice.yaml")["workerGroupSpecs"] if "gpu" in item["groupName"]
    )
    assert (group["minReplicas"], group["maxReplicas"]) == (there["min_workers"], there["max_workers"])
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert int(limits["nvidia.com/gpu"]) == there["resources"]["GPU"]
    config = yaml.safe_load((ROOT / "ray_configs" / "gpu.yaml").read_text())
    replicas = [item["deployments"][0] for item in config["applications"]]
    assert sum(item["ray_actor_options"]["num_cpus"] for item in replicas) <= int(limits["cpu"])
    drain = max(item["graceful_shutdown_timeout_s"] for item in replicas)
    assert group["template"]["spec"]["terminationGracePeriodSeconds"] > drain


def test_the_jobs_commands_are_ones_that_the_programs_take() -> None:
    from deployments.serving import bulk_command
    from training import finetune_florence

    python, _, module, *arguments = _entrypoint("rayjob-train")
    assert (python, module) == ("python", finetune_florence.__name__)
    assert str(finetune_florence.parser().parse_args(arguments).output).startswith(_home())

    python, _, module, *arguments = _entrypoint("rayjob-bulk")
    assert (python, module) == ("python", "deployments.ocr.bulk")
    common, own = bulk_command.parser("ocr", "path", "").parse_known_args(arguments)
    assert own == ["--language", "korean"]
    assert str(common.destination).startswith(_home())
    assert (ROOT / common.config.relative_to("/opt/sensorium")).is_file()


def _entrypoint(name: str) -> list[str]:
    return shlex.split(_one("RayJob", FOLDER / f"{name}.yaml")["spec"]["entrypoint"])


def _home() -> str:
    """SENSORIUM_HOME of the service's pods, where its container reader looks for adapters."""
    [head, *_] = _pods(FOLDER / "rayservice.yaml")
    environment: dict[str, str] = {item["name"]: item["value"] for item in head["spec"]["containers"][0]["env"]}
    return environment["SENSORIUM_HOME"]
