"""The calls' own rules; results are tested where the services are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from deployments.tasks.replica_tasks import open_tasks
from deployments.tasks.settings import TaskSettings
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings
from tests.serve.echo_tasks import TASK_FACE
from tests.unit.tasks.echo_work import EchoWork


class Ready:
    def health(self) -> Health:
        return Health("ready")


@asynccontextmanager
async def serving(settings: TaskSettings, *api_keys: str) -> AsyncIterator[httpx.AsyncClient]:
    tasks = await open_tasks("echo", settings, EchoWork(), TASK_FACE)
    app = create_app(
        service="echo",
        title="Echo",
        version="0",
        routers=[tasks.router],
        health=Ready(),
        settings=WebSettings(api_keys=api_keys, access_log=False),
    )
    transport = httpx.ASGITransport(app, root_path="/echo")
    async with tasks.running(), httpx.AsyncClient(transport=transport, base_url="http://test/echo") as http:
        yield http


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(TaskSettings(f"sqlite:///{tmp_path}/tasks.db", max_items=5)) as client:
        yield client


async def test_location_names_the_task_under_the_base_path(http: httpx.AsyncClient) -> None:
    answer = await http.post("/tasks", json={"texts": ["a"]})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/echo/tasks/{answer.json()['id']}"
    assert (await http.get(f"http://test{answer.headers['location']}")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/tasks/nonsense", 404),
        ("DELETE", "/tasks/nonsense", 404),
        ("GET", "/tasks?state=asleep", 422),
        ("GET", "/tasks?limit=0", 422),
        ("GET", "/tasks?cursor=nonsense", 422),
        ("PUT", "/tasks", 405),
    ],
)
async def test_bad_calls_are_typed_errors(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_key_that_is_too_long_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/tasks", json={"texts": ["a"]}, headers={"Idempotency-Key": "k" * 300})
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "Idempotency-Key"


async def test_a_service_without_a_database_for_tasks_says_so() -> None:
    async with serving(TaskSettings(None)) as http:
        calls = [http.post("/tasks", json={"texts": ["a"]}), http.get("/tasks"), http.get("/tasks/x")]
        for call in [*calls, http.delete("/tasks/x")]:
            answer = await call
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
            assert "takes no tasks" in answer.json()["error"]["message"]


async def test_tasks_ask_for_the_same_key_as_other_calls(tmp_path: Path) -> None:
    async with serving(TaskSettings(f"sqlite:///{tmp_path}/tasks.db"), "secret") as http:
        for call in (http.post("/tasks", json={"texts": ["a"]}), http.get("/tasks"), http.delete("/tasks/x")):
            assert (await call).status_code == 401
        assert (await http.get("/tasks", headers={"x-api-key": "secret"})).status_code == 200


@pytest.mark.parametrize("field", ["concurrency", "max_items", "max_queued_items", "max_attempts", "keep_results_s"])
def test_settings_out_of_range_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        TaskSettings(**{field: 0})  # type: ignore[arg-type]
