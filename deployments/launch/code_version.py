"""Which code a configuration is deployed with.

Ray 2.60 replaces replicas only when an application's import path, `args` or `runtime_env` changed
(`ray/serve/_private/deploy_utils.py`, `get_app_code_version`): the same YAML with other source files changes nothing.
So the version of the sources goes into each application's `runtime_env`.
"""

from __future__ import annotations

import copy
import hashlib
import os
from pathlib import Path
from typing import Any

VARIABLE = "SENSORIUM_CODE_VERSION"
SOURCES = Path(__file__).resolve().parents[1]
SUFFIXES = (".py", ".json", ".html", ".css", ".js", ".mako")


def present() -> str:
    """The version to deploy with: `SENSORIUM_CODE_VERSION` where it is set (an image's tag, say), or of the sources."""
    return os.environ.get(VARIABLE) or of_sources()


def of_sources(folder: Path = SOURCES) -> str:
    """12 hex digits that change when a source file of this package does, by SHA-256 of names and contents."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.suffix in SUFFIXES:
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def stamped(document: dict[str, Any], version: str) -> dict[str, Any]:
    """A copy of the configuration whose applications carry `version`; one that names its own keeps it."""
    document = copy.deepcopy(document)
    for application in document["applications"]:
        environment = application.get("runtime_env") or {}
        variables = {VARIABLE: version, **(environment.get("env_vars") or {})}
        application["runtime_env"] = {**environment, "env_vars": variables}
    return document


def unstamped(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of the configuration without any version."""
    return {**document, "applications": [_without_version(item) for item in document["applications"]]}


def of_application(application: dict[str, Any]) -> str | None:
    """The version that an application was deployed with."""
    variables = (application.get("runtime_env") or {}).get("env_vars") or {}
    version: str | None = variables.get(VARIABLE)
    return version


def _without_version(application: dict[str, Any]) -> dict[str, Any]:
    application = copy.deepcopy(application)
    environment = application.get("runtime_env") or {}
    if VARIABLE in environment.get("env_vars", {}):
        del environment["env_vars"][VARIABLE]
        if not environment["env_vars"]:
            del environment["env_vars"]
        if not environment:
            del application["runtime_env"]
    return application
