"""What `sensorium status` shows: replicas and why one is pending, from Serve; queue, rate, latency, errors, batches and
memory, from the metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deployments.launch import metrics_scrape, pending
from deployments.launch.destination import Destination
from deployments.launch.errors import LaunchFailed
from deployments.launch.figures import PREFIXES, Figures, figures
from deployments.launch.history import last_healthy
from deployments.launch.metrics_scrape import Scrape
from deployments.launch.readiness import FAILED, failure

METRICS_PERIOD_S = 10
"""Ray exposes what a replica counted every 10 s (`metrics_report_interval_ms`)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One deployment."""

    application: str
    deployment: str
    status: str
    """The application's: `RUNNING`, `DEPLOYING`, `DEPLOY_FAILED`, `UNHEALTHY`, ..."""
    running: int
    wanted: int
    pending: int
    stopping: int
    message: str
    """Why it failed, or what it waits for."""
    nodes: tuple[str, ...]
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, at one moment."""

    where: str
    deployed: str
    """The last deployment that `sensorium` made and that was healthy; empty if none."""
    code_version: str
    window_s: float | None
    """Counted over the last so many seconds; None: since each replica started."""
    unreachable: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def all_run(self) -> bool:
        """Whether every application runs."""
        return bool(self.rows) and all(row.status == "RUNNING" for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """For `--json`; unknown figures are null."""
        return asdict(self)


def observe(destination: Destination, before: Scrape | None = None) -> tuple[Report, Scrape]:
    """The present state; figures count since `before`.

    Raises:
        LaunchFailed: the dashboard refused the token.
    """
    details = destination.details()
    now = metrics_scrape.scrape(metrics_scrape.targets(destination.dashboard_url), PREFIXES)
    applications = details.get("applications", {})
    free = pending.free_resources(destination.dashboard_url)
    rows = tuple(row for application in applications.values() for row in _rows(application, now, before, free))
    report = Report(
        where=destination.said,
        deployed=_last_deployed(destination),
        code_version=_code_version(applications),
        window_s=round(now.time - before.time, 1) if before else None,
        unreachable=now.unreachable,
        rows=rows,
    )
    return report, now


def windows(destination: Destination, window_s: float, every_s: float) -> Iterator[Report]:
    """A report every `every_s`, for ever, over the last `window_s`; the first over all time."""
    report, scrape = observe(destination)
    yield report
    scrapes = [scrape]
    while True:
        time.sleep(every_s)
        while len(scrapes) > 1 and scrapes[1].time <= time.time() - window_s:
            scrapes.pop(0)
        settled = scrapes[0] if time.time() - scrapes[0].time >= METRICS_PERIOD_S else None
        report, scrape = observe(destination, settled)
        scrapes.append(scrape)
        yield report


def _rows(
    application: dict[str, Any], now: Scrape, before: Scrape | None, free: Mapping[str, float] | None
) -> Iterator[Row]:
    status = application["status"]
    for name, deployment in application.get("deployments", {}).items():
        replicas = deployment.get("replicas", [])
        states = [replica.get("state") for replica in replicas]
        running = [replica for replica in replicas if replica.get("state") == "RUNNING"]
        waiting = len(states) - len(running) - states.count("STOPPING")
        failed = failure({**application, "deployments": {name: deployment}}) if status in FAILED else ""
        yield Row(
            application=application["name"],
            deployment=name,
            status=status,
            running=len(running),
            wanted=deployment.get("target_num_replicas") or 0,
            pending=waiting,
            stopping=states.count("STOPPING"),
            message=failed or pending.reason(waiting, deployment, free),
            nodes=tuple(sorted({replica.get("node_ip") or "?" for replica in running})),
            figures=_figures(application["name"], name, running, now, before),
        )
    if not application.get("deployments"):
        message = failure(application) if status in FAILED else application.get("message", "")
        yield Row(application["name"], application["name"], status, 0, 0, 0, 0, message, (), Figures())


def _figures(
    application: str, deployment: str, running: list[dict[str, Any]], now: Scrape, before: Scrape | None
) -> Figures:
    ids = {str(replica.get("replica_id")) for replica in running}
    starts = [replica["start_time_s"] for replica in running if replica.get("start_time_s")]
    seconds = now.time - before.time if before else (now.time - min(starts) if starts else None)
    return figures(now, before, ids, f"ray::ServeReplica:{application}:{deployment}", seconds)


def _last_deployed(destination: Destination) -> str:
    try:
        entry = last_healthy(destination.history.entries())
    except LaunchFailed:  # no job table; what runs matters more
        return ""
    return "" if entry is None else f"{entry.name} (deployment {entry.number}, {entry.time}, {entry.who})"


def _code_version(applications: dict[str, Any]) -> str:
    from deployments.launch.code_version import of_application

    found = {of_application(item.get("deployed_app_config") or {}) or "" for item in applications.values()}
    return ", ".join(sorted(filter(None, found)))
