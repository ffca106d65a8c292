"""Deploy on what runs: show what changes, put it, wait until it is healthy; if it is not, put the old one back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from deployments.launch import changes_view, code_version, readiness, rollout_view, running_config, serve_api
from deployments.launch import config as serve_config
from deployments.launch.changes import Plan, plan
from deployments.launch.destination import Destination
from deployments.launch.errors import LaunchFailed
from deployments.launch.history import Result, last_healthy, new_entry
from deployments.launch.rollout import NotHealthy, of_application


@dataclass(frozen=True, slots=True)
class Goal:
    """What shall run."""

    name: str
    """For people and the history: the file, or `rollback to 3`."""
    document: dict[str, Any]
    """A Serve configuration, checked, without the code version."""
    code_version: str


def deploy(
    destination: Destination,
    goal: Goal,
    *,
    console: Console,
    confirm: Callable[[], bool],
    dry_run: bool = False,
    timeout_s: float = 300,
) -> bool:
    """Bring `goal` about; True if something changed.

    Args:
        confirm: asked once, after the changes were shown.
        timeout_s: for the new configuration to be healthy; the old one gets as long to be so again.

    Raises:
        LaunchFailed: it was refused, or was not healthy in time; what ran before runs again, or the message says why
            it does not.
    """
    details = destination.details()
    running = running_config.of_details(details)
    wanted = running_config.normal(code_version.stamped(goal.document, goal.code_version))
    wanted = running_config.with_cleared_user_config(wanted, running)
    planned = plan(running, wanted)
    _show(planned, goal, destination, console)
    if dry_run:
        return False
    if planned.is_empty:
        _follow(destination, wanted, timeout_s, console)  # it may run, and still not be healthy
        return False
    if not confirm():
        console.print("Nothing was changed.")
        return False
    safe = _safe_configuration(destination, details, running, console)
    serve_api.put_config(destination.dashboard_url, wanted)
    try:
        _follow(destination, wanted, timeout_s, console)
    except NotHealthy as error:
        raise _gone_back(destination, goal, safe, wanted, str(error), console, timeout_s) from error
    except KeyboardInterrupt:
        console.print(
            f"{goal.name} stays the goal, unwatched; `sensorium status` shows it, `sensorium rollback` goes back."
        )
        raise
    write_down(destination, goal, Result.HEALTHY, "", console)
    return True


def rollback_goal(destination: Destination, number: int | None, version: str) -> Goal:
    """What to go back to: the last healthy configuration that differs from what runs, or that of entry `number`.

    Raises:
        LaunchFailed: there is none.
    """
    entries = destination.history.entries()
    if number is None:
        entry = last_healthy(entries, but=running_config.of_details(destination.details()))
        if entry is None:
            raise LaunchFailed("there is nothing to go back to: no other healthy configuration in `sensorium history`")
    else:
        entry = next((entry for entry in entries if entry.number == number), None)
        if entry is None:
            raise LaunchFailed(f"`sensorium history` has no {number}")
    original = re.sub(r"^rollback to \d+ \((.*)\)$", r"\1", entry.name)
    return Goal(f"rollback to {entry.number} ({original})", entry.config, version)


def _safe_configuration(
    destination: Destination, details: dict[str, Any], running: dict[str, Any], console: Console
) -> dict[str, Any] | None:
    """What to put back if the new one fails: what runs, if it is healthy; else the last that was."""
    names = [application["name"] for application in running["applications"]]
    if names and all(of_application(details, name).healthy for name in names):
        _write_down_what_runs(destination, running, console)
        return running
    entry = last_healthy(destination.history.entries())
    if entry is None:
        return None
    return running_config.normal(code_version.stamped(entry.config, entry.code_version))


def _gone_back(
    destination: Destination,
    goal: Goal,
    safe: dict[str, Any] | None,
    failed: dict[str, Any],
    reason: str,
    console: Console,
    timeout_s: float,
) -> LaunchFailed:
    """Put `safe` back and wait for it; the error to raise."""
    if safe is None:
        write_down(destination, goal, Result.FAILED, reason, console)
        return LaunchFailed(
            f"{reason}\nNothing healthy ran before, so it is left as it is; `sensorium status` shows it"
        )
    console.print(f"[red]Failed:[/] {_first_line(reason)}\n[yellow]Going back to what ran before.[/]", highlight=False)
    safe = running_config.with_cleared_user_config(safe, failed)
    try:
        serve_api.put_config(destination.dashboard_url, safe)
        _follow(destination, safe, timeout_s, console)
    except LaunchFailed as error:
        write_down(destination, goal, Result.FAILED, reason, console)
        return LaunchFailed(f"{reason}\nGoing back failed, too: {error}")
    write_down(destination, goal, Result.ROLLED_BACK, reason, console)
    return LaunchFailed(f"{goal.name} was not healthy, and what ran before runs again.\n{reason}")


def _follow(destination: Destination, goal: dict[str, Any], timeout_s: float, console: Console) -> None:
    """Until replicas are healthy and, where it can be tried from here, until each path answers.

    Raises:
        NotHealthy, Superseded: as `rollout.await_healthy`.
    """
    rollout_view.follow(console, destination, goal, timeout_s)
    if destination.instance:
        try:
            readiness.await_ready(destination.instance, serve_config.services(goal), timeout_s, lambda _: None)
        except LaunchFailed as error:
            raise NotHealthy(str(error)) from error


def _show(planned: Plan, goal: Goal, destination: Destination, console: Console) -> None:
    if planned.is_empty:
        console.print(f"{goal.name} is what runs on {destination.said}: nothing changes.", highlight=False)
        return
    console.print(f"{goal.name} on {destination.said} changes", highlight=False)
    console.print(changes_view.render(planned))


def _write_down_what_runs(destination: Destination, running: dict[str, Any], console: Console) -> None:
    """If what runs came there by other means, such as `serve deploy`, keep it, so that one can go back to it."""
    plain = code_version.unstamped(running)
    last = last_healthy(destination.history.entries())
    if last is None or not running_config.same_applications(code_version.unstamped(last.config), plain):
        version = next(filter(None, map(code_version.of_application, running["applications"])), "")
        _keep(destination, console, name="(other means)", result=Result.FOUND, config=plain, code_version=version)


def write_down(destination: Destination, goal: Goal, result: Result, reason: str, console: Console) -> None:
    """Keep how a deployment ended; a history that cannot be written is said, and no more."""
    _keep(
        destination, console, name=goal.name, result=result, reason=_first_line(reason),
        config=running_config.normal(goal.document), code_version=goal.code_version,
    )  # fmt: skip


def _keep(destination: Destination, console: Console, **fields: Any) -> None:
    try:
        destination.history.add(new_entry(destination.history, **fields))
    except LaunchFailed as error:  # the services matter more
        console.print(f"[yellow]not in the history:[/] {error}", highlight=False)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
