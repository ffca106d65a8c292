from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from deployments.container_number.florence import NANO_SOURCE, load_base
from deployments.container_number.prompts import reading_settings
from deployments.serving import weights
from deployments.serving.errors import BackendMissing, InvalidInput
from training.fine_tuning.examples import IGNORED, Collator, read_examples
from training.fine_tuning.preflight import check_inputs, find_base
from training.fine_tuning.settings import FineTuneSettings


def write(folder: Path, name: str, texts: list[str], prompt: str = "<OCR>") -> Path:
    items = []
    for index, text in enumerate(texts):
        picture = folder / f"{name}_{index}.png"
        Image.new("RGB", (160, 24), (index * 20, 40, 90)).save(picture)
        items.append({"image": picture.name, "prefix": prompt, "suffix": text})
    file = folder / f"{name}.json"
    file.write_text(json.dumps(items))
    return file


def settings(train: Path, validation: Path, **changed: object) -> FineTuneSettings:
    return FineTuneSettings(train, validation, train.parent / "out", **changed)  # type: ignore[arg-type]


def test_json_and_jsonl_are_read_alike_and_pictures_found_beside_them(tmp_path: Path) -> None:
    file = write(tmp_path, "train", ["CSQU3054383", "TEMU1234565"])
    lines = file.with_suffix(".jsonl")
    lines.write_text("".join(json.dumps(item) + "\n" for item in json.loads(file.read_text())))
    assert read_examples(file) == read_examples(lines)
    assert read_examples(file)[1].image == tmp_path / "train_1.png"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nonsense", "not JSON"),
        ("[]", "dataset is empty"),
        ('{"images": []}', "holds no items"),
        ('[{"image": "x.png", "prefix": "<OCR>"}]', "item 0: suffix missing"),
        ('[{"image": "x.png", "prefix": "<OCR>", "suffix": "CSQU3054383"}]', "no picture at"),
        ("[3]", "missing"),
    ],
)
def test_bad_files_are_refused_with_their_item(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "train.json"
    file.write_text(content)
    with pytest.raises(InvalidInput, match=said):
        read_examples(file)


def test_padding_is_masked_and_the_end_token_is_not(tmp_path: Path) -> None:
    folder = weights.resolve(NANO_SOURCE)
    _, processor = load_base(folder)
    file = write(tmp_path, "train", ["CSQU3054383", "AB1"])
    batch = Collator(processor, reading_settings(folder))(read_examples(file))
    long, short = batch["labels"].tolist()
    end = processor.tokenizer.eos_token_id
    assert IGNORED not in long
    assert long[-1] == end
    assert short[4] == end
    assert set(short[5:]) == {IGNORED}
    assert processor.tokenizer.pad_token_id not in short
    assert batch["pixel_values"].shape == (2, 3, 24, 160)


def test_wrong_check_digits_are_not_trained_on_unless_told(tmp_path: Path) -> None:
    train, validation = write(tmp_path, "train", ["CSQU3054384"]), write(tmp_path, "val", ["TEMU1234565"])
    with pytest.raises(InvalidInput, match="CSQU3054384"):
        check_inputs(settings(train, validation))
    assert check_inputs(settings(train, validation, allow_bad_labels=True)) == "<OCR>"


def test_a_picture_on_both_sides_is_refused(tmp_path: Path) -> None:
    train = write(tmp_path, "train", ["CSQU3054383", "TEMU1234565"])
    with pytest.raises(InvalidInput, match="in both"):
        check_inputs(settings(train, train))


def test_several_prompts_are_refused(tmp_path: Path) -> None:
    train = write(tmp_path, "train", ["CSQU3054383"])
    validation = write(tmp_path, "val", ["TEMU1234565"], prompt="What is the container number in the image?")
    with pytest.raises(InvalidInput, match="different prompts"):
        check_inputs(settings(train, validation))


def test_a_base_that_is_missing_or_no_florence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendMissing, match="no model folder"):
        find_base(settings(tmp_path / "t", tmp_path / "v", base=str(tmp_path / "none")))
    (tmp_path / "config.json").write_text('{"model_type": "bart"}')
    with pytest.raises(BackendMissing, match="bart"):
        find_base(settings(tmp_path / "t", tmp_path / "v", base=str(tmp_path)))


def test_a_target_that_matches_no_layer_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="o_proj"):
        find_base(settings(tmp_path / "t", tmp_path / "v", targets=("o_proj",)))
