"""`sensorium transcribe`: text, JSON, subtitles, to stdout and to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import SAMPLES, Run

GATE, CRANE = SAMPLES / "gate.wav", SAMPLES / "crane.wav"


def test_piped_it_is_json(run: Run) -> None:
    ran = run("transcribe", GATE, "--words")
    reply = json.loads(ran.out)
    assert (reply["file"], reply["text"]) == (str(GATE), "34 tenths")
    assert reply["segments"][0]["words"]
    assert (ran.status, ran.err) == (0, "")


def test_text(run: Run) -> None:
    assert run("transcribe", GATE, "-f", "text").out == "34 tenths\n"
    both = run("transcribe", GATE, CRANE, "-f", "text").out.splitlines()
    assert [line.split(": ")[0] for line in both] == [str(GATE), str(CRANE)]


def test_subtitles_of_one_go_to_stdout_and_of_several_to_a_folder(run: Run, tmp_path: Path) -> None:
    one = run("transcribe", GATE, "-f", "srt")
    assert one.out.startswith("1\n00:00:00,000 --> 00:00:03,")
    several = run("transcribe", GATE, CRANE, "-f", "vtt")
    assert (several.status, several.out) == (2, "")
    assert "--output FOLDER" in several.err
    folder = tmp_path / "new" / "subtitles"
    written = run("transcribe", GATE, CRANE, "-f", "vtt", "-o", folder)
    assert (written.status, written.out) == (0, "")
    assert sorted(file.name for file in folder.iterdir()) == ["crane.vtt", "gate.vtt"]
    assert (folder / "gate.vtt").read_text().startswith("WEBVTT")


def test_a_file_for_one_recording(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "gate.txt"
    ran = run("transcribe", "-", "--format", "text", "--output", file, stdin=GATE.read_bytes())
    assert file.read_text() == "34 tenths\n"
    assert ran.err == f"wrote {file}\n"


def test_the_table_has_times(run: Run) -> None:
    ran = run("transcribe", GATE, "-f", "table")
    assert "0:00.0  0:03.4  34 tenths" in ran.out
    assert "fake fake-speech" in ran.out


def test_a_file_without_sound_fails_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    ran = run("transcribe", tmp_path / "a.wav", GATE)
    assert json.loads(ran.out)["text"] == "34 tenths"
    assert "(unsupported_media, status 415, " in ran.err
    assert ran.status == 1


@pytest.mark.parametrize("arguments", [["-f", "docx"], ["--timeout", "0"]])
def test_wrong_usage_is_status_2(run: Run, arguments: list[str]) -> None:
    assert run("transcribe", GATE, *arguments).status == 2
