"""Long inputs: last, in sections, joined to one row; the rows of short ones are on disk before."""

from __future__ import annotations

import io
import json
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deployments.ocr import loading as ocr
from deployments.ocr.types import OcrOptions, OcrRequest
from deployments.serving.bulk_settings import load_settings
from deployments.serving.media import InlineMedia
from deployments.speech import bulk_sections
from deployments.speech.bulk import SpeechJobSettings
from deployments.speech.engine import load_engine
from deployments.speech.types import SpeechRequest
from tests.bulk.conftest import ROOT, Start, read_rows

Bulk = Callable[..., subprocess.CompletedProcess[str]]
RATE = 16_000
NANO = ROOT / "tests" / "assets" / "nano_whisper"


def _document(pages: int) -> bytes:
    """A TIFF of small pages, one numbered line each."""
    drawn = []
    for number in range(pages):
        page = Image.new("L", (300, 60), 255)
        ImageDraw.Draw(page).text((12, 15), f"Sheet {number} berth {97 * number % 41}", fill=0, font_size=26)
        drawn.append(page)
    stream = io.BytesIO()
    drawn[0].save(stream, "TIFF", save_all=True, append_images=drawn[1:])
    return stream.getvalue()


def test_a_long_document_is_read_in_sections_as_it_would_be_in_one(bulk: Bulk, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    data = _document(10)
    (source / "long.tiff").write_bytes(data)
    (source / "short.tiff").write_bytes(_document(2))
    (source / "cut off.tiff").write_bytes(data[: len(data) // 2])
    settings = tmp_path / "sections.yaml"
    settings.write_text(
        json.dumps({"ocr": {"model": {"threads": 1, "backends": [{"kind": "rapidocr"}]}, "section_pages": 4}})
    )
    ended = bulk("ocr", source, tmp_path / "out", "--language", "en", "--config", settings)
    assert ended.returncode == 0, ended.stderr
    assert "sections" in ended.stderr
    rows = {Path(row["path"]).name: row for row in read_rows(tmp_path / "out")}
    assert sorted(rows) == ["cut off.tiff", "long.tiff", "short.tiff"]
    assert (rows["cut off.tiff"]["status"], rows["cut off.tiff"]["text"]) == ("failed", None)
    engine = ocr.load_engine(ocr.OcrConfig(threads=1))
    request = OcrRequest(InlineMedia(data), OcrOptions(language="en"))
    units = engine.prepare(request)
    own = engine.assemble(request, units, engine.infer(units))  # type: ignore[arg-type]
    engine.close()
    assert rows["long.tiff"]["text"].splitlines() == [box.text for box in own.text_boxes]
    assert [box["page"] for box in rows["long.tiff"]["text_boxes"]] == [box.page for box in own.text_boxes]
    assert len(rows["long.tiff"]["pages"]) == 10
    assert rows["long.tiff"]["content_hash"].startswith("sha256:")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings: the tests' nano Whisper, sections of 20 s."""
    from training.nano_whisper.export import expand

    model = expand(ROOT / ".pytest_cache" / "d" / "nano_whisper", forms=("ct2",))["ct2"]
    file = tmp_path_factory.mktemp("settings") / "whisper.yaml"
    speech = {"model": {"backend": "faster-whisper", "model": str(model), "threads": 1}, "section_s": 20}
    file.write_text(json.dumps({"speech": speech}))
    return file


def _phrases(count: int) -> Any:
    """int16 samples of so many spoken phrases with a second of silence after each."""
    from training.nano_whisper.clips import read_flac

    manifest = json.loads((NANO / "manifest.json").read_text())["clips"]
    clips = [clip["file"] for clip in manifest if clip["language"] == "en" and clip["text"]]
    silence = np.zeros(RATE, np.int16)
    spoken = (read_flac(NANO / clips[number % len(clips)]) for number in range(count))
    return np.concatenate([part for phrase in spoken for part in (phrase, silence)])


def _engines_own(settings: Path, recording: Path, sections: int) -> str:
    """What the engine hears in each section by itself."""
    job = load_settings(SpeechJobSettings, settings, "speech")
    engine = load_engine(job.model)
    texts = []
    for index in range(sections):
        sound = bulk_sections.cut(recording.read_bytes(), job.model.audio, job.section_s, index, sections)
        request = SpeechRequest(InlineMedia(sound), "en")
        units = engine.prepare(request)
        texts.append(engine.assemble(request, units, engine.infer(units)).text)  # type: ignore[arg-type]
    engine.close()
    return " ".join(text for text in texts if text)


def _save(path: Path, samples: Any) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.astype("<i2").tobytes())


def test_short_recordings_are_written_while_a_long_one_is_in_work(whisper: Path, start: Start, tmp_path: Path) -> None:
    source = tmp_path / "calls"
    source.mkdir()
    long = _phrases(60)
    _save(source / "0 first in the list.wav", long)
    for number in range(8):
        _save(source / f"short {number}.wav", _phrases(1))
    process = start("speech", source, tmp_path / "out", "--language", "en", "--config", whisper)
    assert process.stderr is not None
    said = next(line for line in process.stderr if " long: " in line)
    sections = int(np.ceil(len(long) / RATE / 20))
    assert f"1 long: 0 of {sections} sections" in said
    written = [Path(row["path"]).name for row in read_rows(tmp_path / "out")]
    assert sorted(written) == [f"short {number}.wav" for number in range(8)]
    assert process.wait(timeout=200) == 0, process.stderr.read()
    rows = {Path(row["path"]).name: row for row in read_rows(tmp_path / "out")}
    assert len(rows) == 9
    joined = rows["0 first in the list.wav"]
    assert joined["duration_s"] == pytest.approx(len(long) / RATE, abs=0.001)
    assert joined["text"] == _engines_own(whisper, source / "0 first in the list.wav", sections) != ""
    starts = [segment["start"] for segment in joined["segments"]]
    assert starts == sorted(starts)
    assert joined["segments"][-1]["end"] > joined["duration_s"] - 10
