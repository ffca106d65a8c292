from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from training.fine_tuning.examples import Example
from training.fine_tuning.progress_line import ProgressLine, clock
from training.fine_tuning.schedule import Plan, learning_rate_factor
from training.fine_tuning.settings import FineTuneSettings


def examples(count: int, name: str = "new") -> list[Example]:
    return [Example(Path(f"{name}_{index}"), "<OCR>", "CSQU3054383") for index in range(count)]


def plan(count: int, mixed: int = 0, workers: int = 1, batch: int = 4, accumulate: int = 1) -> Plan:
    settings = FineTuneSettings(
        Path("t"),
        Path("v"),
        Path("o"),
        batch_size=batch,
        num_workers=workers,
        gradient_accumulation=accumulate,
        epochs=3,
    )
    return Plan(examples(count), examples(mixed, "old"), settings)


def test_an_epoch_shows_every_crop_and_all_workers_take_equally_many_batches() -> None:
    whole = plan(10, workers=2)
    shares = [list(whole.worker_batches(0, worker)) for worker in (0, 1)]
    assert [len(share) for share in shares] == [whole.batches] * 2
    assert {len(batch) for share in shares for batch in share} == {4}
    shown = {example for share in shares for batch in share for example in batch}
    assert shown == set(whole.train)


def test_the_order_is_new_each_epoch_and_a_resumed_epoch_goes_on() -> None:
    whole = plan(12)
    first = list(whole.worker_batches(0, 0))
    assert first == list(whole.worker_batches(0, 0))
    assert first != list(whole.worker_batches(1, 0))
    assert list(whole.worker_batches(0, 0, first=2)) == first[2:]


def test_mixing_adds_the_share_asked_for() -> None:
    whole = plan(30, mixed=5)
    names = Counter(example.image.name.split("_")[0] for batch in whole.worker_batches(0, 0) for example in batch)
    assert names["new"] >= 30
    assert names["old"] / names.total() == pytest.approx(0.25, abs=0.05)


def test_steps_count_accumulated_batches() -> None:
    whole = plan(20, accumulate=2)
    assert (whole.batches, whole.steps_per_epoch, whole.steps) == (5, 3, 9)


def test_learning_rate_rises_then_falls_to_two_percent() -> None:
    factors = [learning_rate_factor(step, 100, 0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] == pytest.approx(0.02, abs=0.005)


def test_progress_line_says_share_loss_and_time_left() -> None:
    text = ProgressLine(steps=200, step=100).text(150, 2, 4, 0.25, elapsed_s=50)
    assert "75%" in text
    assert "epoch 2/4  step 150/200  loss 0.2500" in text
    assert text.endswith("0:50 left")
    assert text.count("#") == 18
    assert clock(3725) == "1:02:05"
