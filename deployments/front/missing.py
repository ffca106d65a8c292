"""What is answered to a path that no service owns: Ray Serve sends all of those to the front."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from deployments.front.types import ServiceEntry
from deployments.serving.errors import NotFound, NotReady, SensoriumError


def explain_missing(path: str, services: Sequence[ServiceEntry]) -> SensoriumError:
    """The error for `path`.

    Returns:
        NotReady: a service owns the path but Serve does not route to it: it is not deployed (yet), so a client
            should try again. NotFound: no service owns it; lists those that are, with the likeliest one's path.
    """
    for entry in services:
        if path == entry.base_path or path.startswith(f"{entry.base_path}/"):
            return NotReady(
                f"{entry.title} does not answer at {entry.base_path} yet: it is starting or not deployed. See /health.",
                service=entry.name,
                retry_after_s=2,
            )
    first, slash, rest = path.lstrip("/").partition("/")
    known = {entry.base_path.lstrip("/"): entry for entry in services}
    near = difflib.get_close_matches(first.lower()[:100], known, n=1)
    hint = f" Did you mean {known[near[0]].base_path}{slash}{rest[:200]}?" if near else ""
    listed = ", ".join(entry.base_path for entry in services)
    details: dict[str, object] = {
        "services": [{"name": entry.name, "base_path": entry.base_path} for entry in services]
    }
    return NotFound(f"There is no {path[:300]} here.{hint} The services are at {listed}.", **details)
