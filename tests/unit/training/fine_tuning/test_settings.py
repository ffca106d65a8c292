from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployments.serving.errors import InvalidInput, UnsupportedOption
from training.fine_tuning.settings import FineTuneSettings
from training.finetune_florence import main, parser, settings_from

PATHS: dict[str, Any] = {"train": Path("t.json"), "validation": Path("v.json"), "output": Path("out")}


def test_json_form_and_back() -> None:
    settings = FineTuneSettings(**PATHS, mix=Path("m.json"), also_evaluate=(Path("o.json"),), targets=("fc1", "fc2"))
    assert FineTuneSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": -1}, "batch_size"),
        ({"dropout": 1.0}, "dropout"),
        ({"targets": ()}, "targets"),
        ({"device": "tpu"}, "tpu"),
        ({"precision": "fp16"}, "fp16 needs"),
        ({"device": "mps", "num_workers": 2}, "mps"),
    ],
)
def test_values_that_cannot_work_are_named(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        FineTuneSettings(**PATHS, **changed)
    assert issubclass(UnsupportedOption, InvalidInput)


def test_the_old_flags_and_their_defaults() -> None:
    flags = ["--train", "t.json", "--val", "v.json", "--output", "out", "--epochs", "10", "--batch_size", "2"]
    settings = settings_from(parser().parse_args([*flags, "--lr", "1e-4", "--device", "cuda"]))
    assert settings == FineTuneSettings(**PATHS, device="cuda")
    assert (settings.rank, settings.alpha, settings.dropout, settings.targets) == (8, 16, 0.05, ("q_proj", "v_proj"))
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (10, 2, 1e-4)


def test_a_missing_dataset_ends_the_command_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--train", str(tmp_path / "t.json"), "--val", str(tmp_path / "v.json"), "--output", str(tmp_path / "out")]
    assert main(flags) == 2
    assert "does not exist" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
