"""Read a Serve configuration (YAML) and point it at this machine's host and port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployments.launch.errors import LaunchFailed
from deployments.launch.instance import local_url


def read(path: Path, host: str, port: int) -> dict[str, Any]:
    """The configuration as Serve's REST API takes it.

    Raises:
        LaunchFailed: no such file, not YAML, or not a Serve configuration.
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
    config["http_options"] = {**config.get("http_options", {}), "host": host, "port": port}
    for application in config["applications"]:
        if application["name"] == "front":
            application["args"] = {**(application.get("args") or {}), "base_url": local_url(host, port)}
    return config


def services(config: dict[str, Any]) -> dict[str, str]:
    """Application name -> route prefix, in the order of the file."""
    return {application["name"]: application["route_prefix"] for application in config["applications"]}
