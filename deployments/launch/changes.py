"""What a new Serve configuration changes against the one that runs, and what each change means for the replicas.
Plain data: knows neither Ray nor the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployments.launch.code_version import VARIABLE


class Effect(StrEnum):
    """What Serve does about a change (Ray 2.60: `_private/deploy_utils.py`, `_private/version.py`)."""

    IN_PLACE = "in place, no restart"
    ROLLING = "new replicas, rolling"
    NEXT_START = "only when Serve starts anew"


class Missing:
    """Stands for a key that one side does not have."""

    def __repr__(self) -> str:
        return "(default)"


MISSING = Missing()

#: Part of an application's code version: its replicas are replaced.
ROLLING_APPLICATION_KEYS = ("import_path", "runtime_env", "args", "autoscaling_policy")
#: The same for one deployment of it.
ROLLING_DEPLOYMENT_KEYS = (
    *("ray_actor_options", "placement_group_bundles", "placement_group_strategy", "max_replicas_per_node"),
    *("placement_group_bundle_label_selector", "placement_group_fallback_strategy", "gang_scheduling_config"),
    *("request_router_config", "deployment_actors"),
)
#: Serve takes these when it starts, and ignores another value afterwards.
START_KEYS = ("http_options", "proxy_location", "grpc_options", "controller_options")


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs."""

    path: str
    """Dotted, below the application (or the whole configuration)."""
    old: Any
    new: Any
    effect: Effect

    @property
    def is_code_version(self) -> bool:
        return self.path.endswith(VARIABLE)


@dataclass(frozen=True, slots=True)
class ApplicationChange:
    """One application that is added, removed or changed."""

    name: str
    kind: str
    """`added`, `removed` or `changed`."""
    changes: tuple[Change, ...] = ()

    @property
    def rolls(self) -> bool:
        """Its replicas are replaced."""
        return any(change.effect is Effect.ROLLING for change in self.changes)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a deployment would do."""

    applications: tuple[ApplicationChange, ...]
    system: tuple[Change, ...]
    """Changes outside the applications."""

    @property
    def is_empty(self) -> bool:
        """Nothing would happen: what only a new start of Serve takes does not count."""
        return not self.applications and all(change.effect is Effect.NEXT_START for change in self.system)


def plan(running: dict[str, Any], goal: dict[str, Any]) -> Plan:
    """Compare two configurations, both as `running_config.normal` gives them."""
    before = {application["name"]: application for application in running["applications"]}
    after = {application["name"]: application for application in goal["applications"]}
    found = []
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in before:
            found.append(ApplicationChange(name, "added"))
        elif name not in after:
            found.append(ApplicationChange(name, "removed"))
        elif changes := tuple(_changes(before[name], after[name])):
            found.append(ApplicationChange(name, "changed", changes))
    return Plan(tuple(found), tuple(_system_changes(running, goal)))


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for path, old, new in _differences(_by_name(before), _by_name(after), ()):
        yield Change(".".join(path), old, new, _effect(path))


def _system_changes(running: dict[str, Any], goal: dict[str, Any]) -> Iterator[Change]:
    """Keys outside `applications` that the goal names; what it does not name, it leaves as it is.

    None where Serve is not up yet: it starts with what the goal says.
    """
    if "proxy_location" not in running:
        return
    for key in (key for key in goal if key != "applications"):
        effect = Effect.NEXT_START if key in START_KEYS else Effect.IN_PLACE
        for path, old, new in _differences(running.get(key, MISSING), goal[key], (key,)):
            if new is not MISSING and not (old is MISSING and new is None):
                yield Change(".".join(path), old, new, effect)


def _by_name(application: dict[str, Any]) -> dict[str, Any]:
    deployments = {deployment["name"]: deployment for deployment in application.get("deployments", [])}
    return {**application, "deployments": deployments}


def _differences(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Leaves that differ: (path, old, new). Lists of one length are compared item by item."""
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)) and len(old) == len(new):
        old, new = ({str(index): value for index, value in enumerate(side)} for side in (old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _differences(old.get(key, MISSING), new.get(key, MISSING), (*path, str(key)))
    elif isinstance(new, dict) and new and old is MISSING:
        for key, value in new.items():
            yield from _differences(MISSING, value, (*path, str(key)))
    elif isinstance(old, dict) and old and new is MISSING:
        for key, value in old.items():
            yield from _differences(value, MISSING, (*path, str(key)))
    elif old != new:
        yield path, old, new


def _effect(path: tuple[str, ...]) -> Effect:
    if path[0] != "deployments":
        return Effect.ROLLING if path[0] in ROLLING_APPLICATION_KEYS else Effect.IN_PLACE
    _, _, *rest = path
    rolling = rest[:1] and (rest[0] in ROLLING_DEPLOYMENT_KEYS or rest[:2] == ["autoscaling_config", "policy"])
    return Effect.ROLLING if rolling else Effect.IN_PLACE
