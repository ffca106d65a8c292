"""A Whisper's files on disk: found, told apart, named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployments.serving.weights import WeightsMissing, fingerprint, resolve
from deployments.speech.types import SpeechConfig


@dataclass(frozen=True, slots=True)
class ModelFiles:
    folder: Path
    name: str
    """As it is answered under."""
    version: str


def locate(config: SpeechConfig, weights_files: tuple[str, ...], advice: str) -> ModelFiles:
    """The folder of `config.model`, which must hold one of `weights_files`.

    Args:
        advice: what to do with a folder of another form.

    Raises:
        WeightsMissing, WeightsCorrupt: see `deployments.serving.weights`; or the folder holds none of the files.
    """
    folder = resolve(config.model)
    weights = next((folder / name for name in weights_files if (folder / name).is_file()), None)
    if weights is None:
        raise WeightsMissing(
            f"{folder} holds none of {', '.join(weights_files)}; {advice.format(folder=folder)}", source=config.model
        )
    return ModelFiles(folder, config.name or published_name(config.model), fingerprint(weights))


def published_name(source: str) -> str:
    """The last part of a folder, repository or package path, without a revision."""
    return source.removeprefix("package:").rstrip("/").rpartition("/")[2].partition("@")[0]
