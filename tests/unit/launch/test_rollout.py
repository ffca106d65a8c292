"""When a rollout is over, and how it ended, from what Serve says of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from deployments.launch import rollout
from deployments.launch.rollout import NotHealthy, Progress, Superseded

GOAL: dict[str, Any] = {"applications": [{"name": "ocr", "import_path": "deployments.app:ocr", "args": {"x": 2}}]}


def _details(
    status: str = "RUNNING",
    deployment: str = "HEALTHY",
    states: tuple[str, ...] = ("RUNNING",),
    wanted: int = 1,
    trigger: str = "CONFIG_UPDATE_COMPLETED",
    message: str = "",
) -> dict[str, Any]:
    return {
        "applications": {
            "ocr": {
                "name": "ocr",
                "status": status,
                "message": "",
                "deployed_app_config": copy.deepcopy(GOAL["applications"][0]),
                "deployments": {
                    "ocr": {
                        "status": deployment,
                        "status_trigger": trigger,
                        "message": message,
                        "target_num_replicas": wanted,
                        "replicas": [{"state": state} for state in states],
                    }
                },
            }
        }
    }


def _watch(looks: list[dict[str, Any]], timeout_s: float = 5) -> tuple[int, list[Mapping[str, Progress]]]:
    """How many looks it took, and what was reported; the last look repeats."""
    seen: list[Mapping[str, Progress]] = []
    taken = 0

    def read() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return looks[min(taken, len(looks)) - 1]

    rollout.await_healthy(read, GOAL, timeout_s, seen.append, pause_s=0.01)
    return taken, seen


def test_healthy_is_two_calm_looks_in_a_row() -> None:
    building = _details("DEPLOYING")
    rolling = _details("DEPLOYING", "UPDATING", ("RUNNING", "STARTING"))
    settling = _details("RUNNING", "HEALTHY", ("UPDATING",))
    taken, seen = _watch([building, rolling, _details(), settling, {}, _details(), _details()])
    assert taken == 7, "one calm look followed by an unfinished one does not count"
    assert [item["ocr"].phase for item in seen] == ["building", "rolling", "healthy", "rolling", "healthy", "healthy"]
    assert (seen[1]["ocr"].running, seen[1]["ocr"].starting) == (1, 1)


def test_a_deployment_that_grows_with_its_load_is_healthy() -> None:
    growing = _details("RUNNING", "UPSCALING", ("RUNNING", "STARTING"), wanted=2, trigger="AUTOSCALING")
    assert _watch([growing])[0] == 2


@pytest.mark.parametrize("status", ["DEPLOY_FAILED", "UNHEALTHY"])
def test_a_failure_ends_it_at_once_with_serves_reason(status: str) -> None:
    message = "Traceback ...\nRuntimeError: weights_missing: no model folder at /no\n"
    with pytest.raises(NotHealthy, match="ocr: weights_missing: no model folder at /no"):
        _watch([_details("DEPLOYING"), _details(status, "DEPLOY_FAILED", message=message)])


def test_too_slow_is_a_failure_that_says_what_is_missing() -> None:
    pending = _details("DEPLOYING", "UPDATING", ("RUNNING", "STARTING"), wanted=2, message="no GPU")
    with pytest.raises(NotHealthy, match=r"not healthy after 0.05 s. ocr: 1 of 2 replicas run; no GPU"):
        _watch([pending], timeout_s=0.05)
    with pytest.raises(NotHealthy, match="does not answer"):
        _watch([{}], timeout_s=0.05)


def test_anothers_deployment_is_left_alone() -> None:
    theirs = _details()
    theirs["applications"]["ocr"]["deployed_app_config"]["args"] = {"x": 3}
    with pytest.raises(Superseded):
        _watch([theirs])
