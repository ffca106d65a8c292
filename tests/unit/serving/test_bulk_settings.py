"""Every section of every settings file is valid; a wrong key is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.container_number.bulk import ContainerNumberJobSettings
from deployments.embedding.bulk import EmbeddingJobSettings
from deployments.ocr.bulk import OcrJobSettings
from deployments.serving.bulk_settings import JobSettings, load_settings
from deployments.serving.errors import InvalidInput, NotFound
from deployments.speech.bulk import SpeechJobSettings

JOBS = Path(__file__).resolve().parents[3] / "ray_configs" / "jobs"
SECTIONS: dict[str, type[JobSettings]] = {
    "ocr": OcrJobSettings,
    "embedding": EmbeddingJobSettings,
    "speech": SpeechJobSettings,
    "container-number": ContainerNumberJobSettings,
}


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("profile", ["embedded", "cpu", "gpu"])
def test_every_profile_has_every_section(profile: str, section: str) -> None:
    load_settings(SECTIONS[section], JOBS / f"{profile}.yaml", section)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_embedded_profile_is_the_default(section: str) -> None:
    kind = SECTIONS[section]
    assert load_settings(kind, JOBS / "embedded.yaml", section) == load_settings(kind, None, section)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ocr: {actor: 2}", "ocr.actor"),
        ("ocr: {model: {thread: 1}}", "ocr.model.thread"),
        ("ocr: {actors: 0}", "ocr.actors"),
        ("speech: {}", "no section 'ocr'"),
        ("[", "not YAML"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=place):
        load_settings(OcrJobSettings, file, "ocr")


def test_no_such_settings(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_settings(OcrJobSettings, tmp_path / "none.yaml", "ocr")
