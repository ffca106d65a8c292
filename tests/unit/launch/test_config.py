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
