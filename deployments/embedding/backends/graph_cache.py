"""Converted graphs on disk, so that only the first start of a model pays for torch and for the conversion.

An entry is a folder `embedding/<model>-<key>` with `model.xml`, `model.bin`, `tokenizer.json` and `entry.json` (facts,
reference vectors, SHA-256 of the other files). The key covers the model's files and the versions of everything that
takes part in the conversion: a change of either is another entry. An entry appears by one `rename`, so two processes
may build it at once; the files' sums are checked at every start, and a damaged entry is replaced.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from deployments.embedding.backends.model_files import ModelFiles
from deployments.embedding.types import ModelFacts, Vectors

FORMAT = 1
"""Raise it when the content of an entry changes."""

_LIBRARIES = ("openvino", "torch", "transformers", "sentence-transformers")
_FILES = ("model.xml", "model.bin", "tokenizer.json")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Graph:
    model: Any
    """openvino.Model: (input_ids, attention_mask), both int64 (n, length) -> float32 (n, dimensions)."""
    tokenizer_json: str
    facts: ModelFacts
    reference: Vectors
    """sentence-transformers' own vectors of `fidelity.REFERENCE_TEXTS`."""


def load(core: Any, files: ModelFiles, cache_dir: Path) -> Graph:
    """The graph of `files` from the cache, else converted and put there (where the folder can be written).

    Raises:
        UnsupportedOption: see `sentence_module.load`.
    """
    entry = cache_dir / "embedding" / f"{files.name}-{_key(files)}"
    graph = _read(core, entry)
    if graph is not None:
        return graph
    log.info("converting %s to OpenVINO; kept in %s for later starts", files.published_as, entry)
    graph = _convert(files.folder)
    try:
        _publish(graph, entry)
    except OSError as error:
        log.warning("cannot keep the converted graph in %s (%s); every start will convert again", entry, error)
        return graph
    return _read(core, entry) or graph


def _key(files: ModelFiles) -> str:
    parts = [str(FORMAT), files.digest(), *(f"{name} {version(name)}" for name in _LIBRARIES)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _read(core: Any, entry: Path) -> Graph | None:
    """The entry, or None where there is none or a file of it is not what was written."""
    if not entry.is_dir():
        return None
    try:
        card = _checked_card(entry)
        return Graph(
            model=core.read_model(entry / "model.xml"),
            tokenizer_json=(entry / "tokenizer.json").read_text(encoding="utf-8"),
            facts=ModelFacts(**card["facts"]),
            reference=np.asarray(card["reference"], dtype=np.float32),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        log.warning("the converted graph in %s cannot be used (%s); converting again", entry, error)
        return None


def _checked_card(entry: Path) -> dict[str, Any]:
    """Raises:
    OSError, ValueError, KeyError, TypeError: the entry is damaged.
    """
    card: dict[str, Any] = json.loads((entry / "entry.json").read_bytes())
    for name in _FILES:
        if _sha256(entry / name) != card["sha256"][name]:
            raise ValueError(f"{name} is not what was written")
    return card


def _convert(folder: Path) -> Graph:
    import openvino
    import torch

    from deployments.embedding.backends import sentence_module

    loaded = sentence_module.load(folder)
    # Padding in the example keeps the mask's branch in the traced graph.
    example = {name: torch.ones((2, 8), dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    example["attention_mask"][1, 5:] = 0
    shapes = [openvino.PartialShape([-1, -1])] * 2
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about branches on shapes; `fidelity` checks the outcome
        model = openvino.convert_model(loaded.module, example_input=example, input=shapes)
    return Graph(model, loaded.tokenizer_json, loaded.facts, loaded.reference)


def _publish(graph: Graph, entry: Path) -> None:
    """Write beside the entry, then rename. Of two processes at once one wins; both have the same content."""
    import openvino

    entry.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=entry.parent))
    try:
        # Weights stay float32: half the size would cost exactness where the CPU computes in f32.
        openvino.save_model(graph.model, building / "model.xml", compress_to_fp16=False)
        (building / "tokenizer.json").write_text(graph.tokenizer_json, encoding="utf-8")
        card = {
            "facts": asdict(graph.facts),
            "reference": graph.reference.tolist(),
            "sha256": {name: _sha256(building / name) for name in _FILES},
        }
        (building / "entry.json").write_text(json.dumps(card), encoding="utf-8")
        _move_in(building, entry)
    finally:
        for leftover in (building, *entry.parent.glob(".replaced-*")):
            shutil.rmtree(leftover, ignore_errors=True)


def _move_in(building: Path, entry: Path) -> None:
    try:
        building.rename(entry)
    except OSError:
        if not entry.is_dir():
            raise
        try:
            _checked_card(entry)  # another process was faster
        except (OSError, ValueError, KeyError, TypeError):
            entry.rename(tempfile.mkdtemp(prefix=".replaced-", dir=entry.parent))
            building.rename(entry)


def _sha256(file: Path) -> str:
    """Never cached, unlike `weights.sha256`: these files are ours to replace."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
