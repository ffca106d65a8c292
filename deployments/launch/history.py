"""What was deployed, when, by whom and with which result: what `sensorium rollback` goes back to.

A local instance keeps it in a file beside its state, so it survives a restart. A cluster keeps it in its own job table
(`job_history.py`), where the next operator finds it.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from deployments.launch.code_version import unstamped
from deployments.launch.running_config import same_applications

KEPT = 50


class Result(StrEnum):
    """How a deployment ended."""

    HEALTHY = "healthy"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    FOUND = "found running"
    """Deployed by other means, such as `serve deploy`; written down when the next one replaced it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One deployment."""

    number: int
    time: str
    """ISO 8601, UTC."""
    who: str
    name: str
    """Of the configuration's file, or what was asked for."""
    result: Result
    reason: str
    code_version: str
    config: dict[str, Any]
    """As its author wrote it."""

    @property
    def was_healthy(self) -> bool:
        return self.result in (Result.HEALTHY, Result.FOUND)


class History(Protocol):
    """Where entries are kept."""

    def entries(self) -> list[Entry]:
        """All that are kept, oldest first."""

    def add(self, entry: Entry) -> None:
        """Keep one more."""


class FileHistory:
    """One JSON document a line; readable by its owner alone, because configurations may hold passwords."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "deployments.jsonl"

    def entries(self) -> list[Entry]:
        if not self._file.exists():
            return []
        return [from_json(line) for line in self._file.read_text().splitlines() if line.strip()]

    def add(self, entry: Entry) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.writelines(to_json(item) + "\n" for item in [*self.entries(), entry][-KEPT:])
        draft.replace(self._file)


def new_entry(
    history: History, *, name: str, result: Result, config: dict[str, Any], code_version: str, reason: str = ""
) -> Entry:
    """An entry of now and of this user, numbered after the last one; not yet kept."""
    last = max((entry.number for entry in history.entries()), default=0)
    who = "?" if result is Result.FOUND else f"{getpass.getuser()}@{platform.node()}"
    time = datetime.now(UTC).isoformat(timespec="seconds")
    return Entry(last + 1, time, who, name, result, reason, code_version, config)


def last_healthy(entries: list[Entry], but: dict[str, Any] | None = None) -> Entry | None:
    """The newest entry that was healthy.

    Args:
        but: a configuration that it must differ from in more than the version of the code.
    """
    for entry in reversed(entries):
        if entry.was_healthy and (but is None or not same_applications(unstamped(entry.config), unstamped(but))):
            return entry
    return None


def to_json(entry: Entry) -> str:
    return json.dumps(asdict(entry), separators=(",", ":"))


def from_json(text: str) -> Entry:
    fields = json.loads(text)
    return Entry(**{**fields, "result": Result(fields["result"])})
