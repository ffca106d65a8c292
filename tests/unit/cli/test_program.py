"""The installed program: pipes, signals, a terminal, help, completion, and what it imports."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from deployments.cli import program as cli
from tests.unit.cli.conftest import PROGRAM, ROOT, SAMPLES, program
from tests.unit.client.scripted_server import ScriptedServer, response

VERBS = ("ocr", "transcribe", "embed", "container", "bench", "serve", "stop", "status", "logs")

_BASE_INSTALL = """
import sys

class Missing:
    names = {"torch", "ray", "numpy", "fastapi", "starlette", "orjson", "yaml", "transformers", "PIL"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)

sys.meta_path.insert(0, Missing())
from deployments.cli import program as cli
cli.main()
"""


def base_install(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command where only the base requirements are installed."""
    command = [sys.executable, "-c", _BASE_INSTALL, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_and_the_exit_statuses(verb: str) -> None:
    command = get_command(cli.app).commands[verb]  # type: ignore[attr-defined]
    epilog = command.epilog or ""
    assert re.search(rf"sensorium {verb}\b", epilog)
    assert "3 no server that can answer" in epilog
    assert command.help


def test_every_verb_shows_an_example() -> None:
    def commands(group: Any) -> Iterator[Any]:
        for command in group.commands.values():
            yield from commands(command) if hasattr(command, "commands") else [command]

    without = [one.name for one in commands(get_command(cli.app)) if "xample" not in f"{one.help} {one.epilog}"]
    assert without == []


def test_help_and_version() -> None:
    shown = program("--help", COLUMNS="100")
    assert shown.returncode == 0
    assert all(re.search(rf"│ {verb} ", shown.stdout) for verb in VERBS)
    assert program("--version").stdout.startswith("sensorium 0.")
    assert program("nonsense").returncode == 2


def test_a_reader_that_leaves_is_no_traceback() -> None:
    texts = [f"text {number}" for number in range(300)]
    ran = program("embed", *texts, through="head -c 10")
    assert ran.stdout == '{"text": "'
    assert (ran.returncode, ran.stderr) == (141, "")


def test_a_full_disk_is_one_line() -> None:
    ran = subprocess.run(
        f"{PROGRAM} embed one two > /dev/full", shell=True, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (1, "sensorium: cannot write the output: No space left on device\n")


def test_ctrl_c_is_quiet_and_status_130() -> None:
    ready = response(200, {"service": "ocr", "status": "ready"})
    with ScriptedServer(ready).then_hang() as server:
        process = subprocess.Popen(
            [str(PROGRAM), "ocr", str(SAMPLES / "receipt.png"), "--url", server.url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        deadline = threading.Event()
        while len(server.seen) < 2:  # the second request is the picture
            assert process.poll() is None
            deadline.wait(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


def test_in_a_terminal_it_is_a_table_and_a_bar_that_goes_away(server: object) -> None:
    main, other = pty.openpty()
    process = subprocess.Popen(
        [str(PROGRAM), "transcribe", str(SAMPLES / "gate.wav"), str(SAMPLES / "crane.wav")],
        stdout=other, stderr=other, stdin=other, env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "90"},
    )  # fmt: skip
    os.close(other)
    shown = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        shown += part
    os.close(main)
    assert process.wait(30) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "34 tenths" in text
    assert "0/2" in text  # the bar
    assert shown.rstrip().endswith(b"\x1b[2K")  # and its line is wiped
    assert "{" not in text


def test_only_data_goes_to_stdout_where_stderr_is_a_terminal(server: object) -> None:
    main, other = pty.openpty()
    process = subprocess.Popen(
        [str(PROGRAM), "embed", "one", "two"], stdout=subprocess.PIPE, stderr=other, stdin=other, text=True
    )
    out, _ = process.communicate(timeout=60)
    os.close(other)
    os.close(main)
    assert [line[:9] for line in out.splitlines()] == ['{"text": '] * 2
    assert process.returncode == 0


def test_completion_in_bash() -> None:
    script = program("--show-completion", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "complete -o default -F _sensorium_completion sensorium" in program("--show-completion", "bash").stdout or (
        "_sensorium_completion" in script.stdout
    )
    words = program(_SENSORIUM_COMPLETE="complete_bash", COMP_WORDS="sensorium tra", COMP_CWORD="1")
    assert words.stdout.split() == ["transcribe", "train"]
    formats = program(_SENSORIUM_COMPLETE="complete_bash", COMP_WORDS="sensorium transcribe --format s", COMP_CWORD="3")
    assert formats.stdout.split() == ["srt"]


def test_the_base_install_uses_a_server(server: object) -> None:
    assert base_install("--help").returncode == 0
    ran = base_install("embed", "hello")
    assert (ran.returncode, ran.stderr) == (0, "")
    read = base_install("ocr", SAMPLES / "README.md", "--text")
    assert (read.returncode, read.stdout.splitlines()[0]) == (0, "# Samples")
    assert base_install("container", SAMPLES / "container.png", "--compare", "ocr").returncode == 0


@pytest.mark.parametrize("verb", ["serve", "stop", "logs"])
def test_in_the_base_install_what_runs_a_server_names_the_extra(verb: str) -> None:
    ran = base_install(verb)
    assert (ran.returncode, ran.stdout) == (1, "")
    [line] = ran.stderr.splitlines()
    assert "this command needs the extra `server`" in line
    assert "pip install '.[server]'" in line


def test_starting_imports_nothing_that_only_some_verbs_need() -> None:
    names = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import sys; from deployments.cli import program; print(*sorted({names}))"
    loaded = set(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout.split())
    assert "typer" in loaded
    heavy = {"httpx", "asyncio", "ray", "torch", "numpy", "pydantic", "yaml", "PIL", "orjson", "training", "sqlalchemy"}
    assert not loaded & heavy


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main()
    assert Path(PROGRAM).exists()
