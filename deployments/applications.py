"""The services as Serve applications with default arguments: `serve build deployments.applications:ocr`.

`serve build` takes applications, not the builders of `deployments.app`, which `serve run` and every YAML name.
Each is made when it is asked for: importing this module does no work.
"""

from __future__ import annotations

import inspect
from typing import Any

SERVICES = ("ocr", "embedding", "speech", "container_number", "front")


def __getattr__(name: str) -> Any:
    if name not in SERVICES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(SERVICES)}")
    from deployments import app

    builder = getattr(app, name)
    [parameter] = inspect.signature(builder).parameters.values()
    return builder(parameter.annotation())
