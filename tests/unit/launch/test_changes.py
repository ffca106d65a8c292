"""What a new configuration changes, and what each change does to replicas."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deployments.launch import changes_view, code_version
from deployments.launch.changes import MISSING, Effect, plan
from deployments.launch.running_config import normal, of_details, same_applications, with_cleared_user_config

CONFIG: dict[str, Any] = {
    "http_options": {"host": "127.0.0.1", "port": 8000},
    "applications": [
        {
            "name": "ocr",
            "route_prefix": "/ocr",
            "import_path": "deployments.app:ocr",
            "args": {"batching": {"max_batch_size": 16}, "model": {"backends": ["a", "b"]}},
            "runtime_env": {"env_vars": {"X": "1"}},
            "deployments": [
                {
                    "name": "ocr",
                    "num_replicas": 1,
                    "user_config": {"k": 8},
                    "ray_actor_options": {"num_cpus": 0.5},
                }
            ],
        }
    ],
}


def _changed(path: str, value: Any) -> dict[str, Any]:
    """`CONFIG` with one value of its application replaced, or removed by None."""
    config = copy.deepcopy(CONFIG)
    at = config["applications"][0]
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    for step in steps:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return normal(config)


@pytest.mark.parametrize(
    ("path", "value", "shown", "effect"),
    [
        ("deployments/0/num_replicas", 3, "deployments.ocr.num_replicas", Effect.IN_PLACE),
        ("deployments/0/user_config", {"k": 4}, "deployments.ocr.user_config.k", Effect.IN_PLACE),
        ("deployments/0/max_ongoing_requests", 9, "deployments.ocr.max_ongoing_requests", Effect.IN_PLACE),
        ("route_prefix", "/text", "route_prefix", Effect.IN_PLACE),
        ("args/batching/max_batch_size", 4, "args.batching.max_batch_size", Effect.ROLLING),
        ("args/model/backends", ["a", "c"], "args.model.backends.1", Effect.ROLLING),
        ("args/model/backends", ["a"], "args.model.backends", Effect.ROLLING),
        ("import_path", "deployments.app:embedding", "import_path", Effect.ROLLING),
        ("runtime_env/env_vars/X", "2", "runtime_env.env_vars.X", Effect.ROLLING),
        ("deployments/0/ray_actor_options/num_cpus", 1, "deployments.ocr.ray_actor_options.num_cpus", Effect.ROLLING),
    ],
)  # fmt: skip
def test_a_changed_value_has_its_path_and_effect(path: str, value: Any, shown: str, effect: Effect) -> None:
    found = plan(normal(CONFIG), _changed(path, value))
    [application] = found.applications
    [change] = application.changes
    assert (change.path, change.effect) == (shown, effect)
    assert application.rolls is (effect is Effect.ROLLING)
    assert not found.is_empty


def test_autoscaling_changes_in_place_but_its_policy_does_not() -> None:
    before = _changed("deployments/0", {"name": "ocr", "autoscaling_config": {"max_replicas": 2}})
    more = _changed("deployments/0", {"name": "ocr", "autoscaling_config": {"max_replicas": 4}})
    policy = _changed(
        "deployments/0",
        {
            "name": "ocr",
            "autoscaling_config": {
                "max_replicas": 2,
                "policy": {"policy_function": "ray.serve.autoscaling_policy:default_autoscaling_policy"},
            },
        },
    )
    assert [change.effect for change in plan(before, more).applications[0].changes] == [Effect.IN_PLACE]
    assert {change.effect for change in plan(before, policy).applications[0].changes} == {Effect.ROLLING}


def test_applications_come_and_go() -> None:
    other = normal({"applications": [{"name": "speech", "import_path": "deployments.app:speech"}]})
    found = plan(normal(CONFIG), other)
    assert [(item.name, item.kind) for item in found.applications] == [("speech", "added"), ("ocr", "removed")]


def test_what_only_a_new_start_takes_is_no_change() -> None:
    later = normal({**copy.deepcopy(CONFIG), "http_options": {"host": "0.0.0.0", "port": 8000}})
    running = {**normal(CONFIG), "proxy_location": "HeadOnly", "target_capacity": None}
    found = plan(running, later)
    assert found.is_empty
    assert [(change.path, change.effect) for change in found.system] == [("http_options.host", Effect.NEXT_START)]
    first = plan({"applications": []}, later)
    assert first.system == (), "Serve starts with them"
    assert [item.kind for item in first.applications] == ["added"]


def test_what_serve_tells_back_is_no_change() -> None:
    running = of_details(
        {
            "applications": {"ocr": {"deployed_app_config": normal(CONFIG)["applications"][0]}},
            "proxy_location": "HeadOnly",
            "target_capacity": None,
        }
    )
    assert plan(running, normal(CONFIG)).applications == ()


def test_a_user_config_that_disappears_is_emptied() -> None:
    """Serve would leave the old values in force."""
    running = normal(CONFIG)
    for goal in (_changed("deployments/0/user_config", None), _changed("deployments", [])):
        cleared = with_cleared_user_config(goal, running)
        assert cleared["applications"][0]["deployments"][0]["user_config"] == {}
        [change, *_] = plan(running, cleared).applications[0].changes
        assert change.new in (MISSING, {})
        again = with_cleared_user_config(goal, cleared)
        assert plan(cleared, again).is_empty
        assert same_applications(goal, again)
    replaced = _changed("deployments", [])
    replaced["applications"][0]["import_path"] = "deployments.app:embedding"
    assert with_cleared_user_config(replaced, running) == replaced, "its deployments may have other names"


def test_the_code_version_follows_the_sources_and_replaces_replicas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(code_version.VARIABLE, raising=False)
    assert code_version.present() == code_version.of_sources()
    monkeypatch.setenv(code_version.VARIABLE, "image-7")
    assert code_version.present() == "image-7"
    (tmp_path / "a.py").write_text("x = 1")
    first = code_version.of_sources(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert code_version.of_sources(tmp_path) == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert code_version.of_sources(tmp_path) != first
    old, new = (normal(code_version.stamped(CONFIG, version)) for version in ("v1", "v2"))
    [change] = plan(old, new).applications[0].changes
    assert (change.is_code_version, change.effect) == (True, Effect.ROLLING)
    assert code_version.of_application(new["applications"][0]) == "v2"
    assert code_version.unstamped(new) == normal(CONFIG)


def test_a_person_sees_old_and_new_values_and_what_they_mean() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    later = _changed("deployments/0/num_replicas", 3)
    later["applications"].append({"name": "front", "import_path": "deployments.app:front"})
    console.print(changes_view.render(plan(normal(CONFIG), later)))
    text = console.export_text()
    assert "~ ocr" in text
    assert "deployments.ocr.num_replicas  1 -> 3  in place, no restart" in text
    assert "+ front" in text
