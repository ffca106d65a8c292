"""Reading a Serve configuration and pointing it at this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.launch import config
from deployments.launch.errors import LaunchFailed

ROOT = Path(__file__).resolve().parents[3]


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


def test_a_database_in_the_environment_is_used_by_name_where_the_file_names_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SENSORIUM_DATABASE_URL", "postgresql://sensorium:secret@db/sensorium")
    read = config.read(ROOT / "ray_configs" / "embedded.yaml", "127.0.0.1", 8000)
    args = {item["name"]: item["args"] for item in read["applications"]}
    assert args["ocr"]["database"] == "$SENSORIUM_DATABASE_URL"
    for service in ("ocr", "speech", "container-number"):
        assert args[service]["tasks"]["database"] == "$SENSORIUM_DATABASE_URL"
    assert "database" not in args["embedding"]
    assert "secret" not in str(read)
    own = tmp_path / "own.yaml"
    args_of_its_own = "args: {database: null, tasks: {database: null}}"
    own.write_text(
        f"applications: [{{name: ocr, route_prefix: /ocr, import_path: 'deployments.app:ocr', {args_of_its_own}}}]"
    )
    [ocr] = config.read(own, "127.0.0.1", 8000)["applications"]
    assert ocr["args"] == {"database": None, "tasks": {"database": None}}
