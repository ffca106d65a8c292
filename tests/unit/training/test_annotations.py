from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.training.conftest import MakeAnnotations
from training.annotations import check


def kinds(file: Path) -> list[tuple[int | None, str]]:
    return [(problem.entry, problem.kind) for problem in check(file).problems]


def test_good_labels_are_usable_without_a_problem(annotations: MakeAnnotations) -> None:
    report = check(annotations("CSQU3054383", "TEMU1234565"))
    assert report.ok
    assert report.problems == ()
    assert [label.number.number for label in report.labels] == ["CSQU3054383", "TEMU1234565"]


def test_every_problem_is_named_with_file_and_entry(annotations: MakeAnnotations, picture: Path) -> None:
    text = picture.parent / "notes.png"
    text.write_text("no picture")
    image = picture.name
    file = annotations(
        "CSQU3054383",
        {"image_path": image, "container_number": "TODO"},
        {"image_path": "gone.png", "container_number": "CSQU3054383"},
        {"image_path": image, "container_number": "CSQU305438"},
        {"image_path": image, "container_number": "CSQU3054384"},
        {"container_number": "CSQU3054383"},
        {"image_path": image},
        {"image_path": "notes.png", "container_number": "CSQU3054383"},
        {"image_path": image, "container_number": "CSQU3054383", "serial_number": "999999"},
    )
    found = kinds(file)
    assert (1, "todo") in found
    assert (2, "missing_image") in found
    assert (3, "wrong_format") in found
    assert (4, "wrong_check_digit") in found
    assert (5, "missing_key") in found
    assert (6, "missing_key") in found
    assert (7, "unreadable_image") in found
    assert (8, "parts_disagree") in found
    assert not any(entry == 0 for entry, _ in found)
    said = str(next(problem for problem in check(file).problems if problem.kind == "wrong_check_digit"))
    assert str(file) in said
    assert "entry 4" in said
    assert "gives 3" in said


def test_the_old_guides_sample_label_is_wrong(annotations: MakeAnnotations, picture: Path) -> None:
    entry = {
        "image_path": picture.name,
        "container_number": "TEMU1234567",
        "owner_code": "TEMU",
        "serial_number": "1234567",
        "check_digit": "0",
    }
    found = {kind for _, kind in kinds(annotations(entry))}
    assert {"wrong_check_digit", "parts_disagree"} <= found


def test_a_part_left_todo_is_mentioned_only(annotations: MakeAnnotations, picture: Path) -> None:
    entry = {"image_path": picture.name, "container_number": "CSQU3054383", "owner_code": "TODO"}
    report = check(annotations(entry))
    assert [problem.kind for problem in report.problems] == ["part_todo"]
    assert report.ok
    assert len(report.labels) == 1


def test_an_unreviewed_guess_and_the_same_picture_twice_are_errors(annotations: MakeAnnotations, picture: Path) -> None:
    entry = {"image_path": picture.name, "container_number": "CSQU3054383", "needs_review": True}
    report = check(annotations(entry, {**entry, "needs_review": False}))
    assert [(problem.entry, problem.kind) for problem in report.errors] == [
        (0, "unreviewed_guess"),
        (1, "duplicate_image"),
    ]


@pytest.mark.parametrize("content", ["not json", "[]", '{"images": 3}', '{"images": []}', '{"images": ["x"]}', ""])
def test_a_file_that_is_no_annotation_file_is_reported(tmp_path: Path, content: str) -> None:
    file = tmp_path / "annotations.json"
    file.write_text(content)
    report = check(file)
    assert not report.ok
    assert report.problems[0].entry is None
    assert str(file) in str(report.problems[0])


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    assert "does not exist" in check(tmp_path / "none.json").problems[0].message


def test_the_report_is_json(annotations: MakeAnnotations) -> None:
    report = check(annotations({"image_path": "gone.png", "container_number": "TODO"}))
    assert json.loads(json.dumps(report.as_dict()))["problems"][0]["kind"] == "missing_image"
