"""Find mistakes in a Serve configuration before anything is deployed: Ray 2.60 accepts unknown keys in silence, and
`args` are otherwise checked only inside the cluster."""

from __future__ import annotations

import inspect
from typing import Any

from deployments.launch.errors import LaunchFailed

#: What these hold is the application's or the user's, not Ray's schema.
FREE_FORM = ("args", "user_config", "runtime_env")


def problems(document: dict[str, Any]) -> list[str]:
    """Every mistake that shows without a cluster, one line each, with its path; empty if there is none."""
    return unknown_keys(document) + invalid_values(document) + invalid_args(document)


def refuse_mistakes(document: dict[str, Any], name: str) -> None:
    """As `problems`, for a person.

    Args:
        name: of the file, for the message.

    Raises:
        LaunchFailed: naming every mistake.
    """
    if found := problems(document):
        raise LaunchFailed("\n  ".join([f"{name} is not a configuration of Sensorium:", *found]))


def unknown_keys(document: dict[str, Any]) -> list[str]:
    """Keys that Ray's schema does not list."""
    schema = _schema().model_json_schema()
    return [f"{path}: unknown key" for path in _walk(document, schema, schema.get("$defs", {}), "")]


def invalid_values(document: dict[str, Any]) -> list[str]:
    """Values that Ray's schema refuses."""
    return _refusals(_schema(), document, "")


def invalid_args(document: dict[str, Any]) -> list[str]:
    """`args` that our builders refuse; applications of other modules are checked where they run."""
    from deployments import app

    found = []
    for index, application in enumerate(document.get("applications") or []):
        module, _, name = str(application.get("import_path", "")).partition(":")
        if module != "deployments.app":
            continue
        path = f"applications.{application.get('name', index)}"
        builder = getattr(app, name, None)
        if not inspect.isfunction(builder) or name.startswith("_"):
            found.append(f"{path}.import_path: deployments.app has no `{name}`")
            continue
        [parameter] = inspect.signature(builder).parameters.values()
        found += _refusals(parameter.annotation, application.get("args") or {}, f"{path}.args")
    return found


def _schema() -> Any:
    try:
        from ray.serve.schema import ServeDeploySchema
    except ImportError as error:
        raise LaunchFailed("a configuration is checked with Ray: pip install 'sensorium[server]'") from error
    return ServeDeploySchema


def _refusals(model: Any, value: Any, path: str) -> list[str]:
    from pydantic import ValidationError

    try:
        model.model_validate(value)
    except ValidationError as error:
        return [_said(path, value, item) for item in error.errors()]
    except ImportError as error:  # of an autoscaling policy or a request router, which Ray imports to check it
        return [f"{path or 'configuration'}: {error}"]
    return []


def _said(path: str, value: Any, refusal: Any) -> str:
    """One refusal of pydantic's, with list items by their `name` as in `_walk`."""
    steps = [path] if path else []
    for step in refusal["loc"]:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            value = None
        steps.append(_label(value, step) if isinstance(step, int) else step)
    unknown = refusal["type"] in ("extra_forbidden", "unexpected_keyword_argument")
    return f"{'.'.join(steps) or 'configuration'}: {'unknown key' if unknown else refusal['msg']}"


def _walk(value: Any, schema: dict[str, Any], definitions: dict[str, Any], path: str) -> list[str]:
    """Dotted names of keys that `schema` (JSON schema) does not list; list items by their `name`, or index."""
    options = [schema, *schema.get("anyOf", []), *schema.get("allOf", [])]
    resolved = [definitions[o["$ref"].split("/")[-1]] if "$ref" in o else o for o in options]
    if isinstance(value, list):
        item: dict[str, Any] = next((o["items"] for o in resolved if "items" in o), {})
        return [
            name
            for index, element in enumerate(value)
            for name in _walk(element, item, definitions, f"{path}.{_label(element, index)}")
        ]
    known = {key: sub for o in resolved for key, sub in o.get("properties", {}).items()}
    if not isinstance(value, dict) or not known:
        return []
    found = []
    for key, sub in value.items():
        name = f"{path}.{key}".lstrip(".")
        if key not in known:
            found.append(name)
        elif key not in FREE_FORM:
            found += _walk(sub, known[key], definitions, name)
    return found


def _label(element: Any, index: int) -> str:
    return str(element.get("name", index)) if isinstance(element, dict) else str(index)
