"""Read a Serve configuration (YAML), refuse mistakes, and point it at this machine's host and port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployments.launch.config_check import refuse_mistakes
from deployments.launch.errors import LaunchFailed
from deployments.launch.instance import local_url


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


def read(path: Path, host: str, port: int) -> dict[str, Any]:
    """`load`, then `point_at`."""
    config = load(path)
    point_at(config, host, port)
    return config


def services(config: dict[str, Any]) -> dict[str, str]:
    """Application name -> route prefix, in the order of the file."""
    return {application["name"]: application["route_prefix"] for application in config["applications"]}
