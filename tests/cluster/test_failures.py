"""kill -9 of each part of a cluster of three nodes while every service is under load: nothing is lost in silence."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.cluster.fake_cluster import ROOT, FakeCluster
from tests.cluster.figures import Figures
from tests.cluster.load import Outcome, Report, constant_load
from tests.cluster.samples import every_service
from tests.cluster.waiting import until
from tests.unit.ocr.postgres import PostgresServer, postgres_programs

pytestmark = [pytest.mark.cluster, pytest.mark.system, pytest.mark.timeout(900)]
#: Services that keep batches in a database of their own.
WITH_TASKS = ("ocr", "speech", "container-number")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """URL of a PostgreSQL, as a cluster of several nodes needs it."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with PostgresServer(programs) as server:
        yield server.create_database("sensorium")


@pytest.fixture(scope="module")
def services(cluster: FakeCluster, database: str) -> dict[str, int]:
    """The embedded profile, two replicas of each service, each on a node of its own: application -> replicas."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "ray_configs" / "embedded.yaml").read_text())
    for application in config["applications"]:
        if application["name"] == "ocr":
            application["args"]["database"] = database
        if application["name"] in WITH_TASKS:
            application["args"]["tasks"] = {"database": database}
        for deployment in application["deployments"]:
            deployment |= {"num_replicas": 2, "max_replicas_per_node": 1}
    cluster.deploy(config)
    wanted = {application["name"]: 2 for application in config["applications"]}
    cluster.await_replicas(wanted)
    return wanted


def test_a_replica_of_every_service(cluster: FakeCluster, services: dict[str, int], figures: Figures) -> None:
    def strike() -> Callable[[], bool]:
        victims = {min(replica["pid"] for replica in cluster.replicas(name)) for name in services}
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        return lambda: cluster.replica_counts(services, but=victims) == services

    reports = asyncio.run(_under_load(cluster, "a replica of each service", strike, figures))
    for report in _plain(reports):
        assert report.outcomes[Outcome.CLOSED] == 0, report


def test_haproxy(cluster: FakeCluster, services: dict[str, int], figures: Figures) -> None:
    def strike() -> Callable[[], bool]:
        victims = cluster.haproxies()
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        return lambda: bool(set(cluster.haproxies()) - set(victims))

    asyncio.run(_under_load(cluster, "HAProxy", strike, figures))


def test_the_serve_controller(cluster: FakeCluster, services: dict[str, int], figures: Figures) -> None:
    def strike() -> Callable[[], bool]:
        before = {replica["pid"] for name in services for replica in cluster.replicas(name)}
        [victim] = cluster.controllers()
        os.kill(victim, signal.SIGKILL)

        def healed() -> bool:
            after = {replica["pid"] for name in services for replica in cluster.replicas(name)}
            return after == before and cluster.controllers() not in ([], [victim])

        return healed

    reports = asyncio.run(_under_load(cluster, "Serve's controller", strike, figures))
    for report in reports.values():
        assert report.outcomes.total() == report.outcomes[Outcome.OK], report


def test_the_raylet_of_a_worker_node(cluster: FakeCluster, services: dict[str, int], figures: Figures) -> None:
    def strike() -> Callable[[], bool]:
        node = cluster.workers()[0].id
        os.kill(cluster.raylet(node), signal.SIGKILL)

        def healed() -> bool:
            nodes = {worker.id for worker in cluster.workers()}
            return node not in nodes and len(nodes) >= 2 and cluster.replica_counts(services) == services

        return healed

    reports = asyncio.run(_under_load(cluster, "raylet of a worker node", strike, figures))
    for report in _plain(reports):
        assert report.outcomes[Outcome.CLOSED] == 0, report


async def _under_load(
    cluster: FakeCluster, event: str, strike: Callable[[], Callable[[], bool]], figures: Figures
) -> dict[str, Report]:
    """Strike while all services answer, wait until all is as it was, and check what holds for every event."""
    async with constant_load(cluster.url, every_service()) as reports:
        await asyncio.to_thread(until, lambda: all(report.outcomes[Outcome.OK] >= 3 for report in reports.values()))
        healed = await asyncio.to_thread(strike)
        at = time.monotonic()
        await asyncio.to_thread(until, healed)
        whole = time.monotonic()
        await asyncio.to_thread(until, lambda: all(report.last_ok > whole for report in reports.values()))
        await asyncio.sleep(3)
    figures.note(f"{event} ({whole - at:.0f} s until whole)", reports, at)
    for name, report in reports.items():
        assert not report.reasons(Outcome.UNTYPED), (name, report.reasons(Outcome.UNTYPED))
        assert not report.reasons(Outcome.LATE), (name, report.reasons(Outcome.LATE))
        assert report.last_ok > whole, f"{name} did not come back"
    return reports


def _plain(reports: Mapping[str, Report]) -> list[Report]:
    return [report for name, report in reports.items() if not name.endswith(" sdk")]
