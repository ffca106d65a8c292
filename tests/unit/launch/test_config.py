"""Reading Serve configurations, and checking every key of ours against Ray's schema, which accepts typos in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from deployments.launch import config
from deployments.launch.errors import LaunchFailed

ROOT = Path(__file__).resolve().parents[3]
PROFILES = sorted((ROOT / "ray_configs").glob("*.yaml"))


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not valid YAML"), ("a: 1", "no `applications`"), (None, "cannot read")]
)
def test_a_bad_file_is_one_clear_message(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "x.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LaunchFailed, match=message):
        config.read(file, "127.0.0.1", 8000)


def test_host_and_port_reach_serve_and_the_front(tmp_path: Path) -> None:
    read = config.read(ROOT / "ray_configs" / "embedded.yaml", "0.0.0.0", 9000)
    assert (read["http_options"]["host"], read["http_options"]["port"]) == ("0.0.0.0", 9000)
    front = next(item for item in read["applications"] if item["name"] == "front")
    assert front["args"]["base_url"] == "http://127.0.0.1:9000"
    assert config.services(read)["ocr"] == "/ocr"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_every_key_is_one_that_ray_knows(profile: Path) -> None:
    from ray.serve.schema import ServeDeploySchema

    document = yaml.safe_load(profile.read_text())
    ServeDeploySchema.model_validate(document)
    assert _unknown(document, ServeDeploySchema.model_json_schema()) == []


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_every_args_is_one_that_the_builder_takes(profile: Path) -> None:
    import inspect

    from deployments import app

    for application in yaml.safe_load(profile.read_text())["applications"]:
        builder = getattr(app, application["import_path"].removeprefix("deployments.app:"))
        [parameter] = inspect.signature(builder).parameters.values()
        assert issubclass(parameter.annotation, BaseModel)
        parameter.annotation.model_validate(application.get("args", {}))


def test_a_typo_would_be_seen() -> None:
    from ray.serve.schema import ServeDeploySchema

    document = {"applications": [{"name": "a", "import_path": "a:b", "deployments": [{"name": "d", "num_replcas": 2}]}]}
    assert _unknown(document, ServeDeploySchema.model_json_schema()) == ["applications.deployments.num_replcas"]


def _unknown(document: Any, schema: dict[str, Any]) -> list[str]:
    """Dotted names of keys that `schema` (JSON schema) does not list, `args` and `user_config` aside."""
    return list(_walk(document, schema, schema.get("$defs", {}), ""))


def _walk(value: Any, schema: dict[str, Any], definitions: dict[str, Any], path: str) -> list[str]:
    options = [schema, *schema.get("anyOf", []), *schema.get("allOf", [])]
    resolved = [definitions[o["$ref"].split("/")[-1]] if "$ref" in o else o for o in options]
    if isinstance(value, list):
        item: dict[str, Any] = next((o["items"] for o in resolved if "items" in o), {})
        return [name for element in value for name in _walk(element, item, definitions, path)]
    known = {key: sub for o in resolved for key, sub in o.get("properties", {}).items()}
    if not isinstance(value, dict) or not known:
        return []
    found = []
    for key, sub in value.items():
        name = f"{path}.{key}".lstrip(".")
        if key not in known:
            found.append(name)
        elif key not in ("args", "user_config"):
            found += _walk(sub, known[key], definitions, name)
    return found
