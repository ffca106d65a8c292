from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from training.fine_tuning import memory, state, worker
from training.fine_tuning.settings import FineTuneSettings
from training.fine_tuning.state import Progress


def test_progress_survives_the_disk(tmp_path: Path) -> None:
    progress = Progress(epoch=2, batch=3, step=41, losses=[(1, 0.5)], evaluations=[{"epoch": 1}], starts=2)
    progress.write(tmp_path)
    assert Progress.read(tmp_path) == progress
    progress.best_loss = 0.25
    progress.write(tmp_path)
    assert Progress.read(tmp_path).best_loss == 0.25


def test_random_generators_go_on_where_they_stopped(tmp_path: Path) -> None:
    torch.manual_seed(3)
    random.seed(3)
    state.save_random(tmp_path, 0)
    expected = torch.rand(4), [random.random() for _ in range(4)]
    torch.manual_seed(99)
    random.seed(99)
    assert state.load_random(tmp_path, 0)
    assert torch.equal(torch.rand(4), expected[0])
    assert [random.random() for _ in range(4)] == expected[1]
    assert not state.load_random(tmp_path, 1)


def test_optimizer_goes_on_with_its_moments(tmp_path: Path) -> None:
    class Model(torch.nn.Linear):
        def save_pretrained(self, folder: str) -> None:
            Path(folder).mkdir()

    def made() -> tuple[Model, torch.optim.AdamW]:
        torch.manual_seed(0)
        model = Model(3, 1)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    def step(model: Model, optimizer: torch.optim.AdamW) -> None:
        optimizer.zero_grad()
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()

    scaler = torch.amp.GradScaler("cpu", enabled=False)
    model, optimizer = made()
    step(model, optimizer)
    state.save_training(tmp_path, model, optimizer, scaler, Progress(step=1), tmp_path / "none")
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    step(model, optimizer)
    again, fresh = made()
    again.load_state_dict(weights)
    state.load_training(tmp_path, fresh, scaler)
    step(again, fresh)
    assert torch.equal(again.weight, model.weight)


@pytest.mark.parametrize(
    ("error", "memory_is_out"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_known_by_its_forms(error: Exception, memory_is_out: bool) -> None:
    assert memory.is_out_of_memory(error) == memory_is_out


def test_advice_names_the_batch_size_and_one_that_trains_the_same() -> None:
    advice = memory.advice(batch_size=8, accumulation=2, device="cuda")
    assert "batch size 8" in advice.message
    assert "--batch_size 4 --gradient_accumulation 4" in advice.message
    assert "--precision bf16" in memory.advice(1, 1, "cpu").message


def test_a_worker_out_of_memory_returns_advice_instead_of_being_retried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def out_of_memory(settings: FineTuneSettings, base: Path) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(worker, "_train", out_of_memory)
    one = FineTuneSettings(tmp_path, tmp_path, tmp_path, batch_size=6)
    told = worker.train_worker({"settings": one.as_dict(), "base_folder": str(tmp_path)})
    assert "batch size 6" in told[worker.OUT_OF_MEMORY]
    two = FineTuneSettings(tmp_path, tmp_path, tmp_path, batch_size=6, num_workers=2)
    with pytest.raises(memory.OutOfMemory, match="--batch_size 3"):
        worker.train_worker({"settings": two.as_dict(), "base_folder": str(tmp_path)})
