"""tests/assets/kuberay/fields.yaml as JSON Schema, strict: a field that it does not list is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FIELDS = Path(__file__).resolve().parents[2] / "assets" / "kuberay" / "fields.yaml"
_PLAIN: dict[str, dict[str, Any]] = {
    "any": {},
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
}


def schema_of(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of one kind of object.

    Raises:
        KeyError: fields.yaml does not list that kind.
    """
    fields: dict[str, Any] = yaml.safe_load(FIELDS.read_text())
    if kind not in fields:
        raise KeyError(kind)
    definitions = {name: _schema(value, fields) for name, value in fields.items()}
    return {"$defs": definitions, "$ref": f"#/$defs/{kind}"}


def _schema(value: Any, names: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value, dict):
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {key.rstrip("!"): _schema(sub, names) for key, sub in value.items()},
            "required": [key.rstrip("!") for key in value if key.endswith("!")],
        }
    if isinstance(value, list):
        return {"type": "array", "items": _schema(value[0], names)}
    if value.startswith("map of "):
        return {"type": "object", "additionalProperties": _schema(value.removeprefix("map of "), names)}
    if value.startswith("one of "):
        return {"enum": value.removeprefix("one of ").split("|")}
    return {"$ref": f"#/$defs/{value}"} if value in names else _PLAIN[value]
