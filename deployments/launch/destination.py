"""Where `deploy`, `rollback`, `history` and `status` go: this checkout's instance, or a cluster's dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deployments.launch import instance, serve_api
from deployments.launch.errors import LaunchFailed
from deployments.launch.history import FileHistory, History
from deployments.launch.instance import Instance
from deployments.launch.job_history import JobHistory


class NothingRuns(LaunchFailed):
    """No local instance."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A running Ray, by its dashboard."""

    dashboard_url: str
    history: History
    instance: Instance | None
    """None: somewhere else, of which only the dashboard is known."""

    @property
    def said(self) -> str:
        """For people."""
        return self.instance.base_url if self.instance else self.dashboard_url

    def details(self) -> dict[str, Any]:
        """What Serve says of itself; empty while the dashboard does not answer."""
        return serve_api.get_details(self.dashboard_url)


def find(address: str) -> Destination:
    """The local instance, or the cluster at `address`.

    Args:
        address: `http://host:8265`; empty or `local` for the instance that `sensorium serve` started.

    Raises:
        NothingRuns: no local instance.
        LaunchFailed: nothing answers there.
    """
    if address and address != "local":
        url = address.rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise LaunchFailed(f"--address takes a dashboard's URL such as http://host:8265, not {address!r}")
        found = Destination(url, JobHistory(url), None)
    else:
        running = instance.load()
        if running is None:
            raise NothingRuns("Not running here: `make serve` starts it, --address names a cluster.")
        found = Destination(running.dashboard_url, FileHistory(instance.state_folder()), running)
    if not found.details():
        raise LaunchFailed(f"no Ray dashboard answers at {found.dashboard_url}")
    return found
