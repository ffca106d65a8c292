"""ray_configs/*.yaml against Ray's schema, our settings, the built applications and cluster.yaml.

Ray accepts a key it does not know, and a deployment name that no application has, until it is deployed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from deployments.launch.config_check import problems, unknown_keys

ROOT = Path(__file__).resolve().parents[3]
PROFILES = sorted((ROOT / "ray_configs").glob("*.yaml"))
every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)


def _read(profile: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(profile.read_text())
    return document


def _deployments(profile: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(application, deployment) of a file."""
    for application in _read(profile)["applications"]:
        for deployment in application["deployments"]:
            yield application, deployment


def _args(application: dict[str, Any]) -> tuple[Any, Any]:
    """The builder that an application names, and its `args` as that builder takes them."""
    from deployments import app

    builder = getattr(app, application["import_path"].removeprefix("deployments.app:"))
    [parameter] = inspect.signature(builder).parameters.values()
    assert issubclass(parameter.annotation, BaseModel)
    return builder, parameter.annotation.model_validate(application.get("args", {}))


def test_the_three_profiles_are_there() -> None:
    assert [profile.stem for profile in PROFILES] == ["cpu", "embedded", "gpu"]


@every_profile
def test_every_key_and_value_is_one_that_ray_and_our_settings_take(profile: Path) -> None:
    assert problems(_read(profile)) == []


@pytest.mark.parametrize(
    "place",
    [
        ("prxy_location",),
        ("http_options", "prot"),
        ("applications", 0, "route_prefx"),
        ("applications", 0, "deployments", 0, "num_replcas"),
        ("applications", 0, "deployments", 0, "autoscaling_config", "target_ongoing_request"),
        ("applications", 0, "deployments", 0, "ray_actor_options", "num_gpu"),
        ("applications", 0, "deployments", 0, "logging_config", "encodng"),
    ],
    ids=lambda place: place[-1],
)
def test_a_typo_would_be_seen(place: tuple[Any, ...]) -> None:
    document: Any = _read(ROOT / "ray_configs" / "gpu.yaml")
    inner = document
    names = []
    for step in place[:-1]:
        inner = inner[step]
        names.append(step if isinstance(step, str) else inner["name"])
    inner[place[-1]] = 1
    found = unknown_keys(document)
    assert f"{'.'.join([*names, place[-1]])}: unknown key" in found
    # Several where an anchor puts it in several places.
    assert all(name.endswith(f"{place[-1]}: unknown key") for name in found)


@every_profile
def test_every_args_is_one_that_the_builder_takes_and_every_deployment_is_one_it_makes(profile: Path) -> None:
    from ray.serve._private.build_app import build_app

    for application in _read(profile)["applications"]:
        builder, args = _args(application)
        built = build_app(builder(args), name=application["name"])
        assert {item.name for item in built.deployments} == {item["name"] for item in application["deployments"]}


@pytest.mark.parametrize(
    ("application", "place"),
    [
        ("ocr", ("model", "backends", 0, "max_sid")),
        ("embedding", ("model", "devise")),
        ("speech", ("backends", 0, "compute_typ")),
        ("container-number", ("model", "adaptors")),
        ("front", ("base_ur",)),
    ],
)
def test_a_typo_in_args_would_be_seen(application: str, place: tuple[Any, ...]) -> None:
    found = next(
        item for item in _read(ROOT / "ray_configs" / "gpu.yaml")["applications"] if item["name"] == application
    )
    inner = found["args"]
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = 1
    with pytest.raises(ValidationError, match=place[-1]):
        _args(found)


@every_profile
def test_serves_queues_are_wider_than_ours(profile: Path) -> None:
    for application, deployment in _deployments(profile):
        if application["name"] != "front":
            _, args = _args(application)
            assert deployment["max_ongoing_requests"] > args.batching.max_requests
            autoscaling = deployment.get("autoscaling_config")
            assert autoscaling is None or autoscaling["target_ongoing_requests"] < args.batching.max_requests


@every_profile
def test_a_replica_may_finish_its_longest_request(profile: Path) -> None:
    for application, deployment in _deployments(profile):
        _, args = _args(application)
        assert deployment["graceful_shutdown_timeout_s"] > args.web.request_timeout_s


def test_four_models_fill_a_card_exactly() -> None:
    shares = [options["num_gpus"] for options in _actor_options("gpu") if "num_gpus" in options]
    # Ray counts in ten-thousandths (src/ray/common/scheduling/fixed_point.h).
    assert sum(round(10_000 * share) for share in shares) == 10_000
    assert len(shares) == 4


@pytest.mark.parametrize(("profile", "node_type"), [("gpu", "gpu_worker"), ("cpu", "cpu_worker")])
def test_one_replica_of_each_fits_one_node_of_the_cluster(profile: str, node_type: str) -> None:
    cluster = yaml.safe_load((ROOT / "cluster.yaml").read_text())["available_node_types"][node_type]
    assert sum(options["num_cpus"] for options in _actor_options(profile)) <= cluster["resources"]["CPU"]
    for _, deployment in _deployments(ROOT / "ray_configs" / f"{profile}.yaml"):
        most = deployment.get("autoscaling_config", {}).get("max_replicas", 1)
        assert most <= cluster["max_workers"]


def test_a_cpu_models_threads_are_what_it_reserves() -> None:
    for application, deployment in _deployments(ROOT / "ray_configs" / "cpu.yaml"):
        args = application["args"]
        model = args.get("model") or next(iter(args.get("backends", [])), None)
        if model is not None:
            assert model["threads"] == deployment["ray_actor_options"]["num_cpus"], application["name"]


@every_profile
def test_everybody_logs_json(profile: Path) -> None:
    document = _read(profile)
    told = [document["logging_config"], *(deployment["logging_config"] for _, deployment in _deployments(profile))]
    assert [one["encoding"] for one in told] == ["JSON"] * len(told)


@every_profile
def test_the_front_asks_the_services_where_they_listen(profile: Path) -> None:
    document = _read(profile)
    front = next(item for item in document["applications"] if item["name"] == "front")
    assert front["args"]["base_url"] == f"http://127.0.0.1:{document['http_options']['port']}"


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_a_cluster_is_reached_on_every_node_and_stores_in_postgresql(profile: str) -> None:
    document = _read(ROOT / "ray_configs" / f"{profile}.yaml")
    assert document["proxy_location"] == "EveryNode"
    assert document["http_options"]["host"] == "0.0.0.0"
    stores = [
        url
        for application in document["applications"]
        for args in [_args(application)[1]]
        for url in (getattr(args, "database", None), getattr(getattr(args, "tasks", None), "database", None))
        if url is not None
    ]
    assert stores == ["$SENSORIUM_DATABASE_URL"] * 4  # OCR's executions, and the tasks of three services


def _actor_options(profile: str) -> list[dict[str, Any]]:
    return [item["ray_actor_options"] for _, item in _deployments(ROOT / "ray_configs" / f"{profile}.yaml")]
