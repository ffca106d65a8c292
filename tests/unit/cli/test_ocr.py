"""`sensorium ocr`: what goes to stdout, what to stderr, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.client.real_server import RealServer


def test_piped_it_is_one_json_object_a_file_in_order_and_failures_stop_nobody(run: Run, pictures: list[Path]) -> None:
    gone = pictures[0].parent / "gone.png"
    ran = run("ocr", *pictures, gone)
    first, third = (json.loads(line) for line in ran.out.splitlines())
    assert (first["file"], first["text_boxes"][0]["text"]) == (str(pictures[0]), "아메리카노 2잔")
    assert third["text_boxes"][0]["text"] == "third"
    assert "아메리카노" in ran.out  # not \uXXXX
    missing, bad = ran.err.splitlines()
    assert missing == f"sensorium: {gone}: no such file or folder"
    assert bad.startswith(f"sensorium: {pictures[1]}: not an image of a kind we read (unsupported_media, status 415, ")
    assert ran.status == 1


def test_a_folder_is_its_pictures_by_name(run: Run, pictures: list[Path]) -> None:
    folder = pictures[0].parent
    pictures[1].write_text("fine")
    (folder / "notes.txt").write_text("no picture")
    ran = run("ocr", folder)
    assert [Path(json.loads(line)["file"]).name for line in ran.out.splitlines()] == ["b.png", "c.jpg", "가격표.png"]
    assert (ran.status, ran.err) == (0, "")


def test_standard_input(run: Run) -> None:
    ran = run("ocr", "-", "--text", stdin="두 번째 부두".encode())
    assert ran.out.splitlines()[0] == "두 번째 부두"
    empty = run("ocr", "-")
    assert (empty.status, empty.out, empty.err) == (1, "", "sensorium: standard input: it is empty\n")


def test_options_reach_the_service(run: Run, pictures: list[Path], server: RealServer) -> None:
    ran = run("ocr", pictures[0], "-l", "en", "--confidence", "0.25", "--backend", "tesseract")
    options = server.ocr.requests[-1].options
    assert (options.language, options.confidence_threshold, options.backend) == ("en", 0.25, "tesseract")
    assert ran.status == 0


def test_the_table_shows_text_place_and_confidence(run: Run, pictures: list[Path]) -> None:
    ran = run("ocr", pictures[0], "--table")
    assert "아메리카노 2잔" in ran.out
    line = next(line for line in ran.out.splitlines() if "아메리카노" in line)
    assert line.split()[-5:] == ["0.97", "1", "2", "29", "7"]
    assert "2 pages" in ran.out


def test_what_is_read_cannot_command_the_terminal(run: Run, pictures: list[Path], server: RealServer) -> None:
    server.ocr.text = "[bold]not markup[/] \x1b[31mred"
    ran = run("ocr", pictures[0], "--table")
    assert "[bold]not markup[/]" in ran.out
    assert "\x1b" not in ran.out


def test_what_is_wrong_for_all_is_said_once(run: Run, pictures: list[Path]) -> None:
    ran = run("ocr", pictures[0], pictures[2], "-l", "klingon")
    assert (ran.status, ran.out, ran.err) == (2, "", "sensorium: no backend reads klingon\n")


def test_no_server_is_one_line_that_says_what_to_do(run: Run, pictures: list[Path]) -> None:
    ran = run("ocr", *pictures, "--url", "http://127.0.0.1:9")
    assert (ran.status, ran.out) == (3, "")
    [line] = ran.err.splitlines()
    assert line.startswith("sensorium: no server answers at http://127.0.0.1:9")
    assert "`sensorium serve`" in line
    assert "--url" in line


def test_a_service_that_is_not_ready_says_why(
    run: Run, pictures: list[Path], server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments.web.health import Health

    monkeypatch.setattr(server, "health", Health("failed", reason="the weights are not here"))
    ran = run("ocr", pictures[0])
    assert ran.status == 3
    assert "is not ready (failed): the weights are not here" in ran.err


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_wrong_key_says_how_to_give_one(
    run: Run, pictures: list[Path], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.delenv("SENSORIUM_API_KEY")
    ran = run("ocr", *pictures, *(["--api-key", key] if key else []))
    assert (ran.status, ran.out) == (3, "")
    assert "SENSORIUM_API_KEY" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--json", "--table"], "choose one"),
        (["--text", "--json"], "choose one"),
        (["--confidence", "7"], "less than or equal to 1"),
        (["--url", "nonsense"], "must look like http://host:8000"),
        (["--api-key", "with blank"], "printable ASCII"),
    ],
)
def test_wrong_usage_is_status_2(run: Run, pictures: list[Path], arguments: list[str], words: str) -> None:
    ran = run("ocr", pictures[0], *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.err
