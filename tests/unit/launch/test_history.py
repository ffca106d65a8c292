"""What was deployed: kept in a file of the instance, or in a cluster's job table over HTTP."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deployments.launch import code_version, history_view
from deployments.launch.errors import LaunchFailed
from deployments.launch.history import KEPT, FileHistory, History, Result, last_healthy, new_entry
from deployments.launch.job_history import JobHistory


class JobTable(BaseHTTPRequestHandler):
    """`/api/jobs/` as far as the history uses it: jobs are kept as they were sent."""

    jobs: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.jobs.append({**body, "status": "PENDING"})
        self._answer(200, {"submission_id": body["submission_id"]})

    def do_GET(self) -> None:
        if self.headers["authorization"] != "Bearer right":
            self._answer(401, {"error": "no token"})
        else:
            self._answer(200, [{"submission_id": None, "metadata": None}, *self.jobs])

    def log_message(self, *arguments: Any) -> None: ...

    def _answer(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def job_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "right")
    handler = type("Handler", (JobTable,), {"jobs": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=["file", "jobs"])
def history(request: pytest.FixtureRequest, tmp_path: Path, job_table: str) -> History:
    return FileHistory(tmp_path) if request.param == "file" else JobHistory(job_table)


def _config(value: int) -> dict[str, Any]:
    return {"applications": [{"name": "a", "args": {"value": value}, "deployments": []}]}


def _add(history: History, value: int, result: Result, reason: str = "") -> None:
    history.add(
        new_entry(
            history, name=f"{value}.yaml", result=result, config=_config(value), code_version="c0de", reason=reason
        )
    )


def test_entries_come_back_in_order_with_their_configuration(history: History) -> None:
    assert history.entries() == []
    _add(history, 1, Result.HEALTHY)
    _add(history, 2, Result.ROLLED_BACK, "it's 'broken'; $(rm) \n")
    first, second = history.entries()
    assert (first.number, second.number) == (1, 2)
    assert first.config == _config(1)
    assert (second.result, second.reason) == (Result.ROLLED_BACK, "it's 'broken'; $(rm) \n")
    assert "@" in first.who
    assert first.time.endswith("+00:00")
    assert history_view.render([first, second]).row_count == 2


def test_going_back_finds_the_last_healthy_one_that_differs(history: History) -> None:
    for value, result in ((1, Result.HEALTHY), (2, Result.FOUND), (3, Result.HEALTHY), (4, Result.FAILED)):
        _add(history, value, result)
    entries = history.entries()
    newest, previous = last_healthy(entries), last_healthy(entries, but=_config(3))
    assert newest is not None
    assert newest.number == 3
    assert previous is not None
    assert previous.number == 2
    assert last_healthy([]) is None
    other_code = code_version.stamped(_config(3), "newer")
    assert last_healthy(entries, but=other_code) == previous, "other code alone is nothing to go back from"


def test_the_file_is_its_owners_and_does_not_grow_for_ever(tmp_path: Path) -> None:
    history = FileHistory(tmp_path)
    for value in range(KEPT + 3):
        _add(history, value, Result.HEALTHY)
    assert [entry.number for entry in history.entries()] == list(range(4, KEPT + 4))
    assert stat.S_IMODE((tmp_path / "deployments.jsonl").stat().st_mode) == 0o600


def test_a_cluster_that_refuses_says_so(job_table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    with pytest.raises(LaunchFailed, match="401"):
        JobHistory(job_table).entries()
    with pytest.raises(LaunchFailed, match="does not answer"):
        JobHistory("http://127.0.0.1:9").entries()
