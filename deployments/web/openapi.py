"""What `/openapi.json` says beyond FastAPI's own: our error envelope on every operation, and how a key is sent."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from deployments.web.envelope import ErrorEnvelope
from deployments.web.health import HEALTH_PATHS

_REFERENCE = "#/components/schemas/{model}"


def describe_shared_behaviour(app: FastAPI, *, asks_for_key: bool) -> None:
    """Extend the schema of `app`; runs when the schema is first asked for."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        schema = describe()
        components = schema.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        envelope = ErrorEnvelope.model_json_schema(ref_template=_REFERENCE)
        schemas |= envelope.pop("$defs", {}) | {ErrorEnvelope.__name__: envelope}
        if asks_for_key:
            components["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            }
            schema["security"] = [{"bearer": []}, {"x-api-key": []}]
        for path, operations in schema.get("paths", {}).items():
            for operation in operations.values():
                if path in HEALTH_PATHS:
                    operation["security"] = []
                else:
                    _add_failures(operation["responses"])
        # FastAPI's own shapes of a 422, which nobody here answers.
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend its schema


def _add_failures(responses: dict[str, Any]) -> None:
    responses.pop("422", None)
    content = {"application/json": {"schema": {"$ref": _REFERENCE.format(model=ErrorEnvelope.__name__)}}}
    for status, meaning in (
        ("4XX", "The request cannot succeed as it stands."),
        ("5XX", "The service failed or is busy; 503 says when to try again."),
    ):
        responses.setdefault(status, {"description": meaning, "content": content})
