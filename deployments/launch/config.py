"""Read a Serve configuration (YAML), refuse mistakes, and point it at this machine's host and port."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployments.launch.config_check import refuse_mistakes
from deployments.launch.errors import LaunchFailed
from deployments.launch.instance import local_url

DATABASE_VARIABLE = "SENSORIUM_DATABASE_URL"
_DATABASES = {
    "deployments.app:ocr": ("database", "tasks"),
    "deployments.app:speech": ("tasks",),
    "deployments.app:container_number": ("tasks",),
}
"""Builders whose `args` name a database, and where."""


def load(path: Path) -> dict[str, Any]:
    """The configuration in `path`, as Serve's REST API takes it.

    Raises:
        LaunchFailed: no such file, not YAML, or not a Serve configuration; every wrong key is named.
    """
    import yaml

    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise LaunchFailed(f"cannot read {path}: {error.strerror}. Try CONFIG=ray_configs/embedded.yaml") from error
    except yaml.YAMLError as error:
        raise LaunchFailed(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict) or not config.get("applications"):
        raise LaunchFailed(f"{path} has no `applications`; see ray_configs/embedded.yaml")
    refuse_mistakes(config, str(path))
    return config


def point_at(config: dict[str, Any], host: str, port: int) -> None:
    """Make a local instance's host and port those of `config`, in place: Serve's, and those the front page asks at."""
    config["http_options"] = {**config.get("http_options", {}), "host": host, "port": port}
    for application in config["applications"]:
        if application["name"] == "front":
            application["args"] = {**(application.get("args") or {}), "base_url": local_url(host, port)}


def use_database(config: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Where `SENSORIUM_DATABASE_URL` is set and `config` names no database, make it that one, in place.

    The variable's name is written, not its value: the password in it appears in no status and no history.
    """
    if not environ.get(DATABASE_VARIABLE):
        return
    url = f"${DATABASE_VARIABLE}"
    for application in config["applications"]:
        places = _DATABASES.get(application["import_path"], ())
        args = application["args"] = dict(application.get("args") or {})
        if "database" in places:
            args.setdefault("database", url)
        if "tasks" in places:
            args["tasks"] = {"database": url, **(args.get("tasks") or {})}


def read(path: Path, host: str, port: int) -> dict[str, Any]:
    """`load`, then `point_at` and `use_database`."""
    config = load(path)
    point_at(config, host, port)
    use_database(config, os.environ)
    return config


def services(config: dict[str, Any]) -> dict[str, str]:
    """Application name -> route prefix, in the order of the file; without those that have no HTTP (`null`)."""
    prefixes = {application["name"]: application.get("route_prefix", "/") for application in config["applications"]}
    return {name: prefix for name, prefix in prefixes.items() if prefix is not None}
