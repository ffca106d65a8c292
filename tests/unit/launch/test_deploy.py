"""Deploying and going back, against a scripted dashboard: Serve's REST API as far as it is used, with replicas that
become healthy or fail as the test says. The real thing, under load: `tests/serve/test_upgrade.py`."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deployments.launch.deploy import Goal, deploy, rollback_goal
from deployments.launch.destination import Destination
from deployments.launch.errors import LaunchFailed
from deployments.launch.history import FileHistory, Result


class Dashboard(BaseHTTPRequestHandler):
    """An application whose `args` say `bad` fails; one that says `slow` never gets there; `refused` is no config."""

    config: dict[str, Any]
    puts: list[dict[str, Any]]
    drops = 0
    """PUTs that get no answer."""

    def do_PUT(self) -> None:
        if self.drops:
            type(self).drops -= 1
            self.close_connection = True
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if any(item["args"] == {"x": "refused"} for item in body["applications"]):
            self._answer(400, "ValidationError: not this one")
            return
        type(self).config = body
        self.puts.append(body)
        self._answer(200, "")

    def do_GET(self) -> None:
        applications = {item["name"]: self._details(item) for item in self.config.get("applications", [])}
        self._answer(200, json.dumps({"applications": applications, "proxy_location": "HeadOnly"}))

    def log_message(self, *arguments: Any) -> None: ...

    def _details(self, item: dict[str, Any]) -> dict[str, Any]:
        status = {"bad": "DEPLOY_FAILED", "slow": "DEPLOYING"}.get(item["args"]["x"], "RUNNING")
        deployment = {
            "status": "HEALTHY" if status == "RUNNING" else "UPDATING",
            "message": "RuntimeError: weights_missing: no such model" if status == "DEPLOY_FAILED" else "",
            "target_num_replicas": 1,
            "replicas": [{"state": "RUNNING"}],
        }
        return {"name": item["name"], "status": status, "deployed_app_config": item, "deployments": {"d": deployment}}

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def dashboard() -> Iterator[type[Dashboard]]:
    handler = type("Handler", (Dashboard,), {"config": {}, "puts": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        handler.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        yield handler
        server.shutdown()


@pytest.fixture
def destination(dashboard: type[Dashboard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Destination:
    monkeypatch.setattr(time, "sleep", lambda seconds: threading.Event().wait(0.01))
    return Destination(dashboard.url, FileHistory(tmp_path), None)  # type: ignore[attr-defined]


def _goal(x: str, version: str = "v1") -> Goal:
    applications = [{"name": "a", "import_path": "m:a", "route_prefix": "/a", "args": {"x": x}}]
    return Goal(f"{x}.yaml", {"applications": applications}, version)


def _deploy(destination: Destination, goal: Goal, *, yes: bool = True, dry_run: bool = False) -> tuple[bool, str]:
    """Whether something changed, and what was printed."""
    console = Console(file=io.StringIO(), width=120, record=True)
    patience_s = 3 if goal.name == "slow.yaml" else 60  # two looks must fit in, on a busy machine too
    changed = deploy(destination, goal, console=console, confirm=lambda: yes, dry_run=dry_run, timeout_s=patience_s)
    return changed, console.export_text()


def _results(destination: Destination) -> list[tuple[str, Result]]:
    return [(entry.name, entry.result) for entry in destination.history.entries()]


def _running(dashboard: type[Dashboard]) -> str:
    return str(dashboard.config["applications"][0]["args"]["x"])


def test_a_good_configuration_is_put_watched_and_remembered(
    destination: Destination, dashboard: type[Dashboard]
) -> None:
    changed, text = _deploy(destination, _goal("one"))
    assert changed
    assert "+ a" in text
    assert "a: healthy (1 of 1 running)" in text
    changed, text = _deploy(destination, _goal("one"))
    assert not changed
    assert "nothing changes" in text
    assert len(dashboard.puts) == 1
    assert _deploy(destination, _goal("one", "v2"))[0], "other code is a change"
    assert _results(destination) == [("one.yaml", Result.HEALTHY)] * 2


def test_nothing_is_put_without_consent(destination: Destination, dashboard: type[Dashboard]) -> None:
    assert not _deploy(destination, _goal("one"), yes=False)[0]
    assert not _deploy(destination, _goal("one"), dry_run=True)[0]
    assert dashboard.puts == []


@pytest.mark.parametrize(("x", "reason"), [("bad", "weights_missing: no such model"), ("slow", "not healthy after")])
def test_what_fails_is_taken_back(destination: Destination, dashboard: type[Dashboard], x: str, reason: str) -> None:
    _deploy(destination, _goal("one"))
    with pytest.raises(LaunchFailed, match=reason) as failed:
        _deploy(destination, _goal(x))
    assert "what ran before runs again" in str(failed.value)
    assert _running(dashboard) == "one"
    assert _results(destination)[-1] == (f"{x}.yaml", Result.ROLLED_BACK)
    assert reason in destination.history.entries()[-1].reason


def test_a_first_deployment_that_fails_is_left_to_be_looked_at(
    destination: Destination, dashboard: type[Dashboard]
) -> None:
    with pytest.raises(LaunchFailed, match="Nothing healthy ran before"):
        _deploy(destination, _goal("bad"))
    assert _running(dashboard) == "bad"
    with pytest.raises(LaunchFailed, match="weights_missing"):
        _deploy(destination, _goal("bad"))
    assert len(dashboard.puts) == 1, "nothing changed, and it is still not healthy"


def test_from_an_unhealthy_state_one_goes_back_to_the_last_healthy_one(
    destination: Destination, dashboard: type[Dashboard]
) -> None:
    _deploy(destination, _goal("one"))
    dashboard.config = {"applications": _goal("bad").document["applications"]}  # by `serve deploy`, say
    with pytest.raises(LaunchFailed):
        _deploy(destination, _goal("slow"))
    assert _running(dashboard) == "one"


def test_what_serve_refuses_changes_nothing(destination: Destination, dashboard: type[Dashboard]) -> None:
    _deploy(destination, _goal("one"))
    with pytest.raises(LaunchFailed, match="not this one"):
        _deploy(destination, _goal("refused"))
    assert _running(dashboard) == "one"
    assert len(dashboard.puts) == 1


def test_a_dashboard_that_drops_a_connection_is_asked_again(
    destination: Destination, dashboard: type[Dashboard]
) -> None:
    dashboard.drops = 2
    assert _deploy(destination, _goal("one"))[0]
    dashboard.drops = 3
    with pytest.raises(LaunchFailed, match="took no configuration"):
        _deploy(destination, _goal("two"))


def test_rollback_goes_one_back_or_to_a_number(destination: Destination, dashboard: type[Dashboard]) -> None:
    with pytest.raises(LaunchFailed, match="nothing to go back to"):
        rollback_goal(destination, None, "v1")
    for x in ("one", "two", "three"):
        _deploy(destination, _goal(x))
    _deploy(destination, rollback_goal(destination, None, "v1"))
    assert _running(dashboard) == "two"
    _deploy(destination, rollback_goal(destination, 1, "v1"))
    assert _running(dashboard) == "one"
    again = rollback_goal(destination, 4, "v1")
    assert again.name == "rollback to 4 (two.yaml)", "and not a rollback to a rollback"
    with pytest.raises(LaunchFailed, match="has no 99"):
        rollback_goal(destination, 99, "v1")


def test_what_came_by_other_means_can_be_gone_back_to(destination: Destination, dashboard: type[Dashboard]) -> None:
    dashboard.config = {"applications": _goal("theirs").document["applications"]}
    _deploy(destination, _goal("one"))
    assert _results(destination) == [("(other means)", Result.FOUND), ("one.yaml", Result.HEALTHY)]
    _deploy(destination, rollback_goal(destination, None, "v1"))
    assert _running(dashboard) == "theirs"
