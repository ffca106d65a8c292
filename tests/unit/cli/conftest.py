"""The command in this process against a real HTTP server with fake models; and as a program of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deployments.cli import program as cli
from deployments.ocr.types import OcrRequest, OcrResult
from deployments.serving.engine import OnOutcome
from deployments.serving.media import InlineMedia
from tests.unit.client.real_server import KEY, RealServer
from tests.unit.ocr.fake_runner import FakeRunner

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "samples"
PROGRAM = Path(sys.executable).parent / "sensorium"


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


class ReadsPictures(FakeRunner):
    """The fake OCR, which reads text files, also of real pictures."""

    async def run(self, request: OcrRequest, on_outcome: OnOutcome | None = None) -> OcrResult:
        source = request.source
        if isinstance(source, InlineMedia) and source.data[:1] in (b"\x89", b"\xff", b"I", b"%"):
            request = replace(request, source=InlineMedia(b"a picture"))
        return await super().run(request, on_outcome)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    running = RealServer(tmp_path_factory.mktemp("server"), KEY)
    running.ocr = ReadsPictures()
    running.start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: RealServer) -> None:
    """No instance of this checkout, no options of the person who runs the tests."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SENSORIUM_URL", server.url)
    monkeypatch.setenv("SENSORIUM_API_KEY", KEY)
    server.ocr.text = None


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("ocr", "a.png", stdin=b"...")`, as `main` runs it."""

    def ran(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "argv", ["sensorium", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return ran


def program(
    *arguments: object, through: str = "", stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The installed program in a shell; `through` is what stands behind a pipe."""
    pipe = f" | {through}; exit ${{PIPESTATUS[0]}}" if through else ""
    return subprocess.run(
        ["bash", "-c", f'"$0" "$@"{pipe}', str(PROGRAM), *map(str, arguments)],
        env={**os.environ, **environment},
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Files whose content is what the fake OCR reads."""
    texts = {"가격표.png": "아메리카노 2잔", "b.png": "bad picture", "c.jpg": "third"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in texts]
