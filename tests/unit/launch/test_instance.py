"""Ports, processes and the state file of a local instance."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.launch import instance
from deployments.launch.instance import Instance


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    return tmp_path


def _started(name: str) -> tuple[Instance, subprocess.Popen[bytes]]:
    child = "import time; time.sleep(60)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]); {child}"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "SENSORIUM_INSTANCE": name}, start_new_session=True
    )
    started = Instance(name, process.pid, "127.0.0.1", 8000, 8265, 6379, "/tmp/none", "x.yaml")
    instance.save(started)
    return started, process


def test_an_instance_is_found_and_ended_with_its_children_and_no_one_else() -> None:
    started, process = _started("t1")
    other, bystander = _started("t2")
    instance.save(started)
    deadline = time.monotonic() + 10
    while len(instance.processes("t1")) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(instance.processes("t1")) == 2
    assert instance.load() == started
    instance.end(started, patience_s=2)
    process.wait(timeout=5)
    deadline = time.monotonic() + 5
    while instance.processes("t1") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert instance.processes("t1") == []
    assert instance.load() is None
    assert bystander.poll() is None
    instance.end(other, patience_s=2)
    bystander.wait(timeout=5)


def test_a_state_file_of_a_dead_or_broken_instance_is_no_instance(home: Path) -> None:
    instance.save(Instance("gone", 1 << 22, "127.0.0.1", 8000, 8265, 6379, "/tmp/none", "x"))
    assert instance.load() is None
    (home / "state.json").write_text("{broken")
    assert instance.load() is None


def test_a_taken_port_is_seen_and_another_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not instance.port_is_free(port, "127.0.0.1")
        assert instance.free_port(port) != port
    assert instance.port_is_free(port, "127.0.0.1")


def test_ports_for_several_uses_are_distinct_even_where_all_the_usual_ones_are_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = instance.free_ports(gcs=port, dashboard=port, stats=port)
    assert len(set(chosen.values())) == 3
    assert port not in chosen.values()


def test_ports_given_to_a_process_that_lives_are_given_to_no_other(home: Path) -> None:
    ask = "from deployments.launch.instance import *; print(free_ports(a=23456)['a'], free_range(28000, 50))"
    environment = {**os.environ, "TMPDIR": str(home)}

    def other(and_then: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", ask + and_then], env=environment, stdout=subprocess.PIPE, text=True
        )

    with other("; import time, sys; sys.stdout.flush(); time.sleep(60)") as holder:
        assert holder.stdout is not None
        held = holder.stdout.readline().split()
        with other("") as second:
            assert second.stdout is not None
            assert set(second.stdout.read().split()).isdisjoint(held)
        holder.kill()
    with other("") as third:
        assert third.stdout is not None
        assert third.stdout.read().split() == held, "free again once its process has ended"


def test_the_base_url_of_an_open_instance_is_still_reachable_here() -> None:
    assert Instance("n", 1, "0.0.0.0", 8000, 1, 1, "", "").base_url == "http://127.0.0.1:8000"
    assert Instance("n", 1, "10.0.0.5", 80, 1, 1, "", "").base_url == "http://10.0.0.5:80"
