"""Follow a configuration that was put until every replica runs it, or until it is clear that it will not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.launch.errors import LaunchFailed
from deployments.launch.readiness import FAILED, failure
from deployments.launch.running_config import of_details, same_applications


class NotHealthy(LaunchFailed):
    """The configuration failed, or took too long."""


class Superseded(LaunchFailed):
    """Somebody else deployed meanwhile."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One application on its way."""

    phase: str
    """`building` (imported in the cluster), `rolling` (replicas come and go), `healthy`, or `missing`."""
    running: int
    """Replicas that answer, old ones included."""
    wanted: int
    starting: int
    stopping: int
    message: str = ""

    @property
    def healthy(self) -> bool:
        return self.phase == "healthy"


def await_healthy(
    read: Callable[[], dict[str, Any]],
    goal: dict[str, Any],
    timeout_s: float,
    report: Callable[[Mapping[str, Progress]], None],
    pause_s: float = 0.5,
) -> None:
    """Return when every application of `goal` has been healthy in two looks in a row.

    Twice, because Serve calls an application running a moment before its replicas have taken a new `user_config`.

    Args:
        read: gives Serve's details (`serve_api.get_details`); empty where the dashboard does not answer just now.
        goal: as `running_config.normal`.
        report: gets the progress of each application at each look.

    Raises:
        NotHealthy: with Serve's reason.
        Superseded: what runs is no longer `goal`.
    """
    deadline = time.monotonic() + timeout_s
    progress: dict[str, Progress] = {}
    calm = 0
    while time.monotonic() < deadline:
        details = read()
        if details:
            if not same_applications(of_details(details), goal):
                raise Superseded("another configuration was deployed meanwhile; it is left as it is")
            progress = {item["name"]: of_application(details, item["name"]) for item in goal["applications"]}
            report(progress)
            _refuse_failed(details, goal)
            calm = calm + 1 if all(item.healthy for item in progress.values()) else 0
            if calm == 2:
                return
        time.sleep(pause_s)
    waiting = [f"{name}: {_waiting(item)}" for name, item in progress.items() if not item.healthy]
    raise NotHealthy(f"not healthy after {timeout_s:g} s. {'; '.join(waiting) or 'the dashboard does not answer'}")


def of_application(details: Mapping[str, Any], name: str) -> Progress:
    """The state of one application, from Serve's details."""
    application = details.get("applications", {}).get(name)
    if application is None:
        return Progress("missing", 0, 0, 0, 0)
    deployments = list(application.get("deployments", {}).values())
    states = [replica.get("state", "") for deployment in deployments for replica in deployment.get("replicas", [])]
    running = states.count("RUNNING")
    stopping = states.count("STOPPING")
    wanted = sum(deployment.get("target_num_replicas") or 0 for deployment in deployments)
    starting = len(states) - running - stopping
    message = next((text for deployment in deployments if (text := deployment.get("message"))), "")
    if application.get("status") == "RUNNING" and deployments and all(map(_settled, deployments)):
        return Progress("healthy", running, wanted, starting, stopping)
    calm = all(deployment.get("status") == "HEALTHY" for deployment in deployments)
    phase = "building" if application.get("status") == "DEPLOYING" and calm else "rolling"
    return Progress(phase, running, wanted, starting, stopping, " ".join(message.split()))


def _settled(deployment: Mapping[str, Any]) -> bool:
    """Its replicas run the goal. One that only grows or shrinks with its load is settled, too."""
    if deployment.get("status_trigger") == "AUTOSCALING":
        return deployment.get("status") in ("UPSCALING", "DOWNSCALING")
    states = [replica.get("state") for replica in deployment.get("replicas", [])]
    full = states.count("RUNNING") >= (deployment.get("target_num_replicas") or 0)
    return deployment.get("status") == "HEALTHY" and full and "UPDATING" not in states


def _refuse_failed(details: Mapping[str, Any], goal: dict[str, Any]) -> None:
    for item in goal["applications"]:
        application = details["applications"].get(item["name"], {})
        if application.get("status") in FAILED:
            raise NotHealthy(failure(application))


def _waiting(progress: Progress) -> str:
    counted = f"{progress.running} of {progress.wanted} replicas run"
    return f"{counted}; {progress.message}" if progress.message else counted
