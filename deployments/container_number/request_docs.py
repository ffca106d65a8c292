"""The body that `/read` and `/tasks` take, for OpenAPI: the routes read it by hand, as it comes in several forms."""

from __future__ import annotations

from typing import Any

from deployments.container_number.number_reader import READERS, ReaderName


def read_body(default: ReaderName) -> dict[str, Any]:
    """`openapi_extra` of a call that takes images: a form or JSON."""
    options = {
        "reader": {
            "type": "string",
            "enum": list(READERS),
            "default": default,
            "description": "`ocr` assembles numbers from all text in the image; `florence` takes the image for a crop "
            "of one number; `auto` lets OCR find the places and has both read them.",
        },
        "adapter": {"type": "string", "default": "base", "description": "A name that `/adapters` lists."},
    }
    file = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, BMP, TIFF or PDF."}
    files = {"files": {"type": "array", "items": file}}
    paths = {
        "private_imgs": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Paths or URIs on the server, under its media roots.",
        }
    }
    form = {"type": "object", "properties": files | paths | options}
    example = {"private_imgs": ["/data/gate-1.jpg"], "reader": default, "adapter": "base"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": {"type": "object", "properties": paths | options, "example": example}},
            },
        }
    }
