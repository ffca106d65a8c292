"""The compact weights file: what was trained, in half precision; and the full network made from it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.nano_whisper.model import AUDIO_POSITIONS, UNUSED_ROW, WIDTH
from training.nano_whisper.vocabulary import N_VOCAB, token_ids

WEIGHTS_FILE = "weights.safetensors"
MANIFEST_FILE = "manifest.json"
EMBEDDING = "decoder.token_embedding.weight"
ENCODER_PLACES = "encoder.positional_embedding"
#: Name of the stored tensor that says which vocabulary row each embedding row is.
USED_IDS = "used_token_ids"

State = dict[str, NDArray[np.float32]]


class WeightsRefused(ValueError):
    """The weights file is missing, or is not the one that its manifest names."""


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_weights(model: Any, folder: Path) -> None:
    """Write the trained tensors as float16 under openai-whisper's names, and the embedding rows' vocabulary ids."""
    from safetensors.numpy import save_file

    state = {name: tensor.numpy().astype(np.float16) for name, tensor in model.state_dict().items()}
    del state[ENCODER_PLACES]  # fixed sinusoids, not trained
    save_file({**state, USED_IDS: np.array(token_ids().used, np.int32)}, folder / WEIGHTS_FILE)


def checked_weights(folder: Path) -> tuple[Path, str]:
    """The weights file and its sha256. Raises WeightsRefused where it is not what ``manifest.json`` says."""
    path, manifest = folder / WEIGHTS_FILE, folder / MANIFEST_FILE
    missing = [str(file) for file in (path, manifest) if not file.is_file()]
    if missing:
        raise WeightsRefused(f"not found: {', '.join(missing)}; python -m training.nano_whisper build makes them")
    expected, found = json.loads(manifest.read_text("utf-8"))["weights"]["sha256"], sha256_of(path)
    if found != expected:
        raise WeightsRefused(
            f"{path} has sha256 {found}, its manifest says {expected}: restore it from version control"
        )
    return path, found


def full_state(weights: Path) -> State:
    """All tensors of an openai-whisper state dict (float32, 51,865 embedding rows) from the compact file."""
    from safetensors.numpy import load_file
    from whisper.model import sinusoids

    stored = load_file(weights)
    used = stored.pop(USED_IDS)
    state = {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in stored.items()}
    rows = np.zeros((N_VOCAB, WIDTH), np.float32)
    rows[:, 0] = UNUSED_ROW
    rows[used] = state[EMBEDDING]
    return {**state, EMBEDDING: rows, ENCODER_PLACES: sinusoids(AUDIO_POSITIONS, WIDTH).numpy()}
