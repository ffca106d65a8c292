"""The README's calls give the output that the README prints."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.serve.conftest import ROOT, Cluster


def _calls() -> list[tuple[str, str]]:
    """(command, printed output) of every `$ curl` in the README's console blocks."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    found = []
    for block in blocks:
        for piece in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, output = piece.partition("\n")
            if command.startswith("curl"):
                found.append((command, output))
    return found


@pytest.mark.parametrize(("command", "output"), _calls(), ids=lambda value: value[:60])
def test_the_call_prints_what_the_readme_says(cluster: Cluster, command: str, output: str) -> None:
    command = command.replace("http://127.0.0.1:8000", cluster.url)
    result = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == output


def test_the_readme_shows_a_call_per_service() -> None:
    shown = {re.search(r":8000/([\w-]+)/", command)[1] for command, _ in _calls()}  # type: ignore[index]
    assert shown == {"ocr", "embedding", "speech", "container-number"}
