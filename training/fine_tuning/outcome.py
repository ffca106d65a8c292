"""From a finished run to what is kept of it: adapter, manifest, comparison, report."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.container_number.florence import weights_hash
from deployments.container_number.prompts import MANIFEST, ReadingSettings, reading_settings
from training import comparison
from training.comparison import Reader, Readings
from training.fine_tuning.examples import Example, read_examples
from training.fine_tuning.launch import Run, best_adapter, run
from training.fine_tuning.settings import FineTuneSettings
from training.report import write_report

ADAPTER, REPORT_PAGE, REPORT_FIGURES = "adapter", "report.html", "report.json"
VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Outcome:
    adapter: Path
    """Folder to serve: adapter weights and `manifest.json`."""
    report: Path
    figures: Path
    readings: tuple[Readings, ...]
    evaluations: tuple[dict[str, Any], ...]
    starts: int
    """1, and one for every time a stopped run went on."""

    def exact_match(self, reader: str, dataset: str = VALIDATION) -> float:
        """Share of crops that `reader` (`base`, `tuned`, or another that was compared) read right."""
        found = next(one for one in self.readings if one.reader == reader and one.dataset == dataset)
        return found.scores.exact_match


def fine_tune(settings: FineTuneSettings, fresh: bool = False, readers: Mapping[str, Reader] | None = None) -> Outcome:
    """Train, keep the best adapter, compare it with its base and any other reader, write the report.

    Args:
        fresh: see `launch.run`.
        readers: more readers to compare on the same crops, e.g. {"ocr": ...}; they run in this process.

    Raises:
        SensoriumError: as `launch.run`.
    """
    finished = run(settings, fresh)
    adapter = _export(finished)
    # The comparison reads with the adapter as a server will: by the manifest's prompt and settings.
    _write_manifest(adapter, _manifest(finished, []))
    compared = _compare(finished, adapter)
    for name, reader in (readers or {}).items():
        for dataset, examples in _datasets(finished.settings).items():
            compared.append(comparison.read_with(name, reader, dataset, examples))
    manifest = _manifest(finished, compared)
    _write_manifest(adapter, manifest)
    output = finished.settings.output
    page, figures = output / REPORT_PAGE, output / REPORT_FIGURES
    write_report(page, figures, manifest, finished.progress, compared)
    progress = finished.progress
    return Outcome(adapter, page, figures, tuple(compared), tuple(progress.evaluations), progress.starts)


def _export(finished: Run) -> Path:
    """Put the best adapter in place of an earlier one in one step, so that a server never sees half of it."""
    target = finished.settings.output / ADAPTER
    new, old = target.with_name(f".{ADAPTER}.new"), target.with_name(f".{ADAPTER}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(best_adapter(finished), new)
    (new / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    file = new / "adapter_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = finished.settings.base
    file.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def _datasets(settings: FineTuneSettings) -> dict[str, tuple[Example, ...]]:
    """Validation crops first, then the sets of `also_evaluate` under their folder's name."""
    sets = {VALIDATION: read_examples(settings.validation)}
    for file in settings.also_evaluate:
        name = file.parent.name if file.parent.name not in sets else str(file)
        sets[name] = read_examples(file)
    return {name: examples[: settings.evaluate_at_most] for name, examples in sets.items()}


def _compare(finished: Run, adapter: Path) -> list[Readings]:
    """Base and tuned model, as a Ray task with one worker's resources."""
    import ray

    settings = finished.settings
    gpus = settings.gpus_per_worker if settings.device == "cuda" else 0
    task = ray.remote(num_cpus=settings.cpus_per_worker, num_gpus=gpus)(comparison.compare_adapter)
    compared: list[Readings] = ray.get(
        task.remote(finished.base_folder, adapter, _datasets(settings), settings.device, max(8, settings.batch_size))
    )
    return compared


def _write_manifest(adapter: Path, manifest: dict[str, Any]) -> None:
    (adapter / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _hub_commit(folder: Path) -> str | None:
    """The commit that a hub cache's folder holds (`.../snapshots/COMMIT`); None for any other folder."""
    return folder.name if folder.parent.name == "snapshots" else None


def _manifest(finished: Run, compared: list[Readings]) -> dict[str, Any]:
    """What the adapter is, what it was made of, and how well it reads."""
    settings = finished.settings
    source, _, revision = settings.base.partition("@")
    reading = reading_settings(finished.base_folder)
    kept = ReadingSettings(finished.prompt, reading.turn_tall_crops, reading.max_new_tokens)
    metrics: dict[str, dict[str, Any]] = {}
    for one in compared:
        metrics.setdefault(one.dataset, {})[one.reader] = one.scores.as_dict()
    best = finished.progress.best_epoch
    return {
        "name": settings.output.name,
        "base": {
            "source": source,
            "revision": revision or _hub_commit(finished.base_folder),
            "weights_sha256": weights_hash(finished.base_folder),
        },
        "dataset_sha256": finished.dataset_hash,
        "reading": kept.as_dict(),
        "metrics": metrics,
        "best_epoch": best,
        "best_eval_loss": finished.progress.best_loss,
        "seconds": round(finished.progress.seconds, 1),
        "starts": finished.progress.starts,
        "settings": settings.as_dict(),
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "ray")},
    }
