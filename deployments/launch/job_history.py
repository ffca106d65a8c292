"""The history of a cluster, in Ray's own job table: reachable with the dashboard's address and token alone, and as
durable as the cluster's other state (with GCS fault tolerance, in Redis).

Each entry is a finished job named `sensorium-deploy-...` whose command only prints what happened; the configuration is
in its metadata. Ray has no other store that its REST API lets one write.
"""

from __future__ import annotations

import secrets
import shlex
from typing import Any

import httpx

from deployments.launch import token
from deployments.launch.errors import LaunchFailed
from deployments.launch.history import KEPT, Entry, from_json, to_json

PREFIX = "sensorium-deploy-"


class JobHistory:
    """See the module; `dashboard_url` is `http://host:8265`."""

    def __init__(self, dashboard_url: str) -> None:
        self._url = f"{dashboard_url}/api/jobs/"

    def entries(self) -> list[Entry]:
        """Oldest first.

        Raises:
            LaunchFailed: the dashboard does not tell its jobs.
        """
        jobs: list[dict[str, Any]] = self._answer("GET", self._url).json()
        found = [job for job in jobs if str(job.get("submission_id") or "").startswith(PREFIX)]
        entries = [from_json(job["metadata"]["entry"]) for job in found if "entry" in (job.get("metadata") or {})]
        return sorted(entries, key=lambda entry: (entry.number, entry.time))[-KEPT:]

    def add(self, entry: Entry) -> None:
        """Keep one more.

        Raises:
            LaunchFailed: the dashboard takes no job.
        """
        said = f"deployment {entry.number}: {entry.name} by {entry.who}: {entry.result} {entry.reason}".strip()
        body = {
            "entrypoint": f"echo {shlex.quote(said)}",
            "submission_id": f"{PREFIX}{entry.number:04}-{secrets.token_hex(3)}",
            "metadata": {"entry": to_json(entry)},
        }
        self._answer("POST", self._url, body)

    def _answer(self, method: str, url: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            response = httpx.request(method, url, json=body, headers=token.headers(), timeout=60)
        except httpx.TransportError as error:
            raise LaunchFailed(f"the cluster's job table does not answer at {url}: {error}") from error
        if response.status_code != httpx.codes.OK:
            raise LaunchFailed(f"the cluster's job table refused ({response.status_code}): {response.text[:200]}")
        return response
