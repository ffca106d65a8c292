from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from deployments.container_number.lookalikes import read_number
from deployments.container_number.types import Reading
from deployments.serving.errors import InvalidInput, NotFound
from training import prepare_dataset
from training.annotation_template import write_template
from training.annotations import check
from training.guess import florence_guess
from training.synthetic import synthesise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "yard").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "yard/c.png"):
        Image.new("RGB", (60, 20), "navy").save(pictures / name)
    (pictures / "notes.txt").write_text("no picture")
    return pictures


def test_one_todo_entry_per_picture_in_the_old_form(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    assert write_template(folder, file) == (3, 3)
    entries = json.loads(file.read_text())["images"]
    assert [entry["image_path"] for entry in entries] == ["pictures/a.jpg", "pictures/b.png", "pictures/yard/c.png"]
    assert {entry[key] for entry in entries for key in ("container_number", "owner_code", "serial_number")} == {"TODO"}
    assert len([problem for problem in check(file).problems if problem.kind == "todo"]) == 3


def test_a_second_call_adds_new_pictures_and_keeps_labels(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    write_template(folder, file)
    content = json.loads(file.read_text())
    content["images"][0]["container_number"] = "CSQU3054383"
    file.write_text(json.dumps(content))
    Image.new("RGB", (60, 20), "red").save(folder / "z.png")
    assert write_template(folder, file) == (1, 4)
    assert json.loads(file.read_text())["images"][0]["container_number"] == "CSQU3054383"


def test_a_reader_pre_fills_and_its_doubts_are_marked(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"

    def reader(image: Path) -> Reading:
        texts = {"a.jpg": ("CSQU3054383", 0.99), "b.png": ("CSQU3054384", 0.9), "c.png": ("nothing", 0.2)}
        return read_number(*texts[image.name])

    write_template(folder, file, reader)
    first, second, third = json.loads(file.read_text())["images"]
    assert first["container_number"] == "CSQU3054383"
    assert first["owner_code"] == "CSQU"
    assert "needs_review" not in first
    assert second["needs_review"] is True
    assert third["container_number"] == "TODO"
    assert [problem.kind for problem in check(file).errors] == ["unreviewed_guess", "todo"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no picture"):
        write_template(tmp_path, tmp_path / "annotations.json")
    with pytest.raises(InvalidInput, match="not a folder"):
        write_template(tmp_path / "none", tmp_path / "annotations.json")


def test_a_file_that_is_no_annotation_file_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    file.write_text("precious")
    with pytest.raises(InvalidInput, match="not JSON"):
        write_template(folder, file)
    assert file.read_text() == "precious"


def test_the_embedded_model_pre_fills_what_it_is_sure_of(tmp_path: Path) -> None:
    labelled = synthesise(tmp_path / "crops", 8, seed=21)
    truth = [entry["container_number"] for entry in json.loads(labelled.read_text())["images"]]
    file = tmp_path / "guessed.json"
    flags = ["--mode", "create_template", "--guess", "--image_folder", str(tmp_path / "crops")]
    assert prepare_dataset.main([*flags, "--annotation_file", str(file)]) == 0
    entries = json.loads(file.read_text())["images"]
    sure = [(entry, number) for entry, number in zip(entries, truth, strict=True) if "needs_review" not in entry]
    assert len(sure) >= 6
    assert all(entry["container_number"] == number for entry, number in sure)


def test_a_guess_with_an_adapter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no adapter"):
        florence_guess(adapter=tmp_path / "none")
