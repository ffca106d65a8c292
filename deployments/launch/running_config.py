"""The Serve configuration that runs, read back from Serve's own REST API, in one form with those from files."""

from __future__ import annotations

import copy
from typing import Any

#: Outside the applications, Serve tells these back.
SYSTEM_KEYS = ("proxy_location", "http_options", "grpc_options", "target_capacity")


def normal(document: dict[str, Any]) -> dict[str, Any]:
    """A configuration as Serve stores and tells it: values coerced, the common `logging_config` in each application.

    Raises:
        pydantic.ValidationError: not a Serve configuration.
    """
    from ray.serve.schema import ServeDeploySchema

    config: dict[str, Any] = ServeDeploySchema.model_validate(document).model_dump(mode="json", exclude_unset=True)
    for application in config["applications"]:
        if logging := config.get("logging_config"):
            application.setdefault("logging_config", logging)
    config.pop("logging_config", None)
    return config


def of_details(details: dict[str, Any]) -> dict[str, Any]:
    """What runs, as a configuration that can be put again; without applications where nothing runs.

    Args:
        details: the answer of `serve_api.get_details`.
    """
    applications = [
        copy.deepcopy(application["deployed_app_config"])
        for application in details.get("applications", {}).values()
        if application.get("deployed_app_config")
    ]
    system = {key: details[key] for key in SYSTEM_KEYS if details.get(key) is not None}
    return {**copy.deepcopy(system), "applications": applications}


def with_cleared_user_config(goal: dict[str, Any], running: dict[str, Any]) -> dict[str, Any]:
    """`goal`, with an empty `user_config` for each deployment that has one now and would have none.

    Serve 2.60 does not call `reconfigure` when `user_config` disappears, so the old values would stay. Ours take an
    empty one as "back to `args`" (`BatchedModel.reconfigure`).
    """
    goal = copy.deepcopy(goal)
    before = {application["name"]: application for application in running["applications"]}
    for application in goal["applications"]:
        old = before.get(application["name"], {})
        if any(old.get(key) != application.get(key) for key in ("import_path", "args")):
            continue  # new replicas, which know no old values; perhaps other deployments
        listed = {deployment["name"]: deployment for deployment in application.get("deployments", [])}
        for deployment in old.get("deployments", []):
            name = deployment["name"]
            if deployment.get("user_config") is None:
                continue
            if name not in listed:
                application.setdefault("deployments", []).append({"name": name, "user_config": {}})
            elif listed[name].get("user_config") is None:
                listed[name]["user_config"] = {}
    return goal


def same_applications(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both describe the same applications, in whatever order; an empty `user_config` is as good as none."""
    return _comparable(one) == _comparable(other)


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    return {
        application["name"]: {
            **application,
            "deployments": {
                deployment["name"]: kept
                for deployment in application.get("deployments") or []
                if (kept := {key: value for key, value in deployment.items() if key != "user_config" or value}).keys()
                != {"name"}
            },
        }
        for application in config["applications"]
    }
