"""Keys of a Serve configuration that Ray's schema does not have. Ray itself takes them in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_OURS = ("args", "user_config")
"""Checked against our own settings, not Ray's schema."""


def unknown_keys(document: Any) -> list[str]:
    """Dotted names, `args` and `user_config` aside; in lists without an index."""
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_json_schema()
    return list(_walk(document, schema, schema["$defs"], ""))


def _walk(value: Any, schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    options = [schema, *schema.get("anyOf", []), *schema.get("allOf", [])]
    resolved = [definitions[o["$ref"].split("/")[-1]] if "$ref" in o else o for o in options]
    if isinstance(value, list):
        item: dict[str, Any] = next((o["items"] for o in resolved if "items" in o), {})
        for element in value:
            yield from _walk(element, item, definitions, path)
    known = {key: sub for o in resolved for key, sub in o.get("properties", {}).items()}
    if not isinstance(value, dict) or not known:
        return
    for key, sub in value.items():
        name = f"{path}.{key}".lstrip(".")
        if key not in known:
            yield name
        elif key not in _OURS:
            yield from _walk(sub, known[key], definitions, name)
