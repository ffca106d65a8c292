"""From the committed compact weights to the files that each speech library loads."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from training.nano_whisper.hugging_face import write_hugging_face
from training.nano_whisper.model import AUDIO_POSITIONS, HEADS, LAYERS, N_MELS, TEXT_POSITIONS, WIDTH
from training.nano_whisper.vocabulary import N_VOCAB
from training.nano_whisper.weights import State, checked_weights, full_state

Form = Literal["hf", "ct2", "openai"]
#: The committed fixture.
ASSETS = Path(__file__).parents[2] / "tests" / "assets" / "nano_whisper"
#: Says what a form was made from; a folder without it is unfinished.
STAMP_FILE = "made_from.json"
OPENAI_FILE = "nano-whisper.pt"
LIBRARIES = ("openai-whisper", "tokenizers", "transformers", "ctranslate2")
#: Raise it when the written files change, so that cached ones are made anew.
EXPORT_VERSION = 1


def expand(
    destination: Path, forms: Sequence[Form] = ("hf", "ct2", "openai"), source: Path = ASSETS
) -> dict[str, Path]:
    """Write the forms asked for below ``destination`` and return where each is; works offline.

    ``hf`` and ``ct2`` are folders (for ``from_pretrained`` and ``faster_whisper.WhisperModel``, which makes int8 of it
    while loading), ``openai`` is a .pt file (for ``whisper.load_model``); all hold float32. A form already there from
    the same weights and library versions is kept, so ``destination`` may be a lasting cache; where processes write
    at the same time, one of them wins.

    Raises WeightsRefused where the weights file is missing or has another sha256 than the manifest says.
    """
    weights, digest = checked_weights(source)
    stamp = {"weights": digest, "export": EXPORT_VERSION, **{name: version(name) for name in LIBRARIES}}
    writers: dict[Form, Callable[[Path], None]] = {
        "hf": lambda folder: write_hugging_face(full_state(weights), folder),
        "ct2": lambda folder: _write_ctranslate2(destination / "hf", folder),
        "openai": lambda folder: _write_openai(full_state(weights), folder / OPENAI_FILE),
    }
    # CTranslate2's converter reads the Hugging Face form.
    needed = [form for form in writers if form in forms or (form == "hf" and "ct2" in forms)]
    for form in needed:
        _write_once(destination / form, stamp, writers[form])
    places = {"hf": destination / "hf", "ct2": destination / "ct2", "openai": destination / "openai" / OPENAI_FILE}
    return {form: places[form] for form in forms}


def _write_once(folder: Path, stamp: dict[str, object], write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a temporary folder and move it into place, unless ``folder`` bears this stamp already."""
    if _stamp_of(folder) == stamp:
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write(partial)
        (partial / STAMP_FILE).write_text(json.dumps(stamp, indent=1), "utf-8")
        partial.chmod(0o755)  # mkdtemp's folder is the owner's alone
        if _stamp_of(folder) != stamp:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            partial.rename(folder)
        except OSError:
            if _stamp_of(folder) != stamp:  # else another process was faster
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _stamp_of(folder: Path) -> object:
    path = folder / STAMP_FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def _write_ctranslate2(hugging_face: Path, folder: Path) -> None:
    from ctranslate2.converters import TransformersConverter

    copied = ["tokenizer.json", "preprocessor_config.json"]  # faster-whisper wants both beside the model
    TransformersConverter(str(hugging_face), copy_files=copied).convert(str(folder), force=True)


def _write_openai(state: State, path: Path) -> None:
    """``whisper.load_model``'s checkpoint: dimensions and a state dict (openai-whisper ``__init__.py``)."""
    import torch

    dimensions = {
        "n_mels": N_MELS,
        "n_vocab": N_VOCAB,
        "n_audio_ctx": AUDIO_POSITIONS,
        "n_audio_state": WIDTH,
        "n_audio_head": HEADS,
        "n_audio_layer": LAYERS,
        "n_text_ctx": TEXT_POSITIONS,
        "n_text_state": WIDTH,
        "n_text_head": HEADS,
        "n_text_layer": LAYERS,
    }
    tensors = {name: torch.from_numpy(tensor) for name, tensor in state.items()}
    torch.save({"dims": dimensions, "model_state_dict": tensors}, path)
