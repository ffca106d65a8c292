"""The bodies that the calls take, for OpenAPI: the routes read them by hand, as old clients send several forms."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from deployments.ocr.request_models import ExtractTextBatchFields, ExtractTextFields

_REQUEST_DATA = {"type": "string", "contentMediaType": "application/json", "description": "The options, as JSON."}
_FILE = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, BMP, TIFF or PDF."}

_EXAMPLE_OPTIONS = {"language": "korean", "confidence_threshold": 0.5, "use_angle_cls": True}


def _body(fields: type[BaseModel], upload: dict[str, Any], json_example: dict[str, Any]) -> dict[str, Any]:
    properties = fields.model_json_schema()["properties"]
    json_schema = {
        "type": "object",
        "description": fields.__doc__,
        "properties": {"request_data": {"type": "object", "description": "Options may stand in here."}} | properties,
        "example": json_example,
    }
    form = {"type": "object", "properties": {"request_data": _REQUEST_DATA} | properties}
    multipart = {"type": "object", "properties": upload | {"request_data": _REQUEST_DATA} | properties}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": multipart},
                "application/x-www-form-urlencoded": {"schema": form},
                "application/json": {"schema": json_schema},
            },
        }
    }


def single_body() -> dict[str, Any]:
    """`openapi_extra` of `extract_text`."""
    return _body(ExtractTextFields, {"file": _FILE}, {"private_img": "/data/scan.png"} | _EXAMPLE_OPTIONS)


def batch_body() -> dict[str, Any]:
    """`openapi_extra` of `extract_text_batch`."""
    files = {"files": {"type": "array", "items": _FILE}}
    example = {"request_data": _EXAMPLE_OPTIONS, "private_imgs": ["/data/1.png", "/data/2.png"]}
    return _body(ExtractTextBatchFields, files, example)
