from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deployments.container_number.iso6346 import complete
from deployments.serving.errors import InvalidInput
from tests.unit.training.conftest import MakeAnnotations
from training import prepare_dataset
from training.dataset import prepare
from training.synthetic import synthesise


def items(file: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(file.read_text())
    return loaded


def test_split_is_80_20_stratified_by_owner_and_disjoint(tmp_path: Path) -> None:
    file = synthesise(tmp_path / "pictures", 100, style="decal", owners=("MSK", "CSQ", "TEM"))
    prepared = prepare(file, tmp_path / "set")
    assert (prepared.train, prepared.validation) == (80, 20)
    train, validation = items(prepared.train_file), items(prepared.validation_file)
    assert set(train[0]) == {"image", "prefix", "suffix"}
    assert not {item["image"] for item in train} & {item["image"] for item in validation}
    for owner in ("MSK", "CSQ", "TEM"):
        held_out = sum(item["suffix"].startswith(owner) for item in validation)
        everything = held_out + sum(item["suffix"].startswith(owner) for item in train)
        assert abs(held_out - 0.2 * everything) <= 1
    lines = prepared.train_file.with_suffix(".jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == train


def test_the_split_depends_on_the_seed_alone(tmp_path: Path) -> None:
    file = synthesise(tmp_path / "pictures", 30, style="decal")
    first, again, other = (prepare(file, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert items(first.validation_file) == items(again.validation_file)
    assert items(first.validation_file) != items(other.validation_file)
    assert first.dataset_hash == again.dataset_hash != other.dataset_hash


def test_near_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    file = synthesise(tmp_path, 12, style="decal")
    content = json.loads(file.read_text())
    for index, entry in enumerate(list(content["images"])):
        name = f"copy_{index}.jpg"
        with Image.open(tmp_path / entry["image_path"]) as picture:
            picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)).save(tmp_path / name, quality=70)
        content["images"].append({**entry, "image_path": name})
    file.write_text(json.dumps(content))
    prepared = prepare(file, tmp_path / "set")
    assert prepared.near_duplicates == 12
    sides = Counter[str]()
    for side in (prepared.train_file, prepared.validation_file):
        sides.update({item["suffix"] for item in items(side)})
    assert set(sides.values()) == {1}


def test_bad_labels_are_refused_with_their_entries(annotations: MakeAnnotations, tmp_path: Path) -> None:
    file = annotations("CSQU3054383", "TEMU1234565", "CSQU3054384", "MSKU1234565")
    with pytest.raises(InvalidInput, match="entry 2") as caught:
        prepare(file, tmp_path / "set")
    assert "check digit 4" in caught.value.message
    assert not (tmp_path / "set").exists()
    prepared = prepare(file, tmp_path / "set", allow_bad_labels=True)
    assert prepared.train + prepared.validation == 4
    assert [problem.kind for problem in prepared.overlooked] == ["wrong_check_digit"]


def test_what_has_no_picture_or_text_is_left_out_even_if_told(annotations: MakeAnnotations, tmp_path: Path) -> None:
    todo = {"image_path": "gone.png", "container_number": "TODO"}
    file = annotations("CSQU3054383", "TEMU1234565", todo)
    prepared = prepare(file, tmp_path / "set", allow_bad_labels=True)
    assert prepared.train + prepared.validation == 2


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_set_and_a_single_picture_are_refused(
    annotations: MakeAnnotations, tmp_path: Path, count: int
) -> None:
    with pytest.raises(InvalidInput, match=r"empty|at least one each"):
        prepare(annotations(*["CSQU3054383"] * count), tmp_path / "set")


def test_pictures_that_all_look_the_same_are_refused(annotations: MakeAnnotations, tmp_path: Path) -> None:
    entries = []
    for index in range(3):
        Image.new("RGB", (80, 20), "navy").save(tmp_path / f"same_{index}.png")
        entries.append({"image_path": f"same_{index}.png", "container_number": complete(f"CSQU00000{index}").number})
    with pytest.raises(InvalidInput, match="look the same"):
        prepare(annotations(*entries), tmp_path / "set")


def test_the_old_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = synthesise(tmp_path / "pictures", 10, style="decal")
    template = tmp_path / "template.json"
    create = ["--mode", "create_template", "--image_folder", str(tmp_path / "pictures")]
    assert prepare_dataset.main([*create, "--annotation_file", str(template)]) == 0
    assert prepare_dataset.main(["--mode", "check", "--annotation_file", str(template)]) == 1
    assert "entry 9" in capsys.readouterr().out
    prepare_flags = ["--mode", "prepare", "--output_dir", str(tmp_path / "set"), "--annotation_file"]
    assert prepare_dataset.main([*prepare_flags, str(template)]) == 2
    assert prepare_dataset.main([*prepare_flags, str(file)]) == 0
    assert len(items(tmp_path / "set" / "train.json")) == 8
    assert len(items(tmp_path / "set" / "val.json")) == 2
