"""PaddleOCR's inference folders: `inference.onnx` beside `inference.yml`, which names the model and its characters.

Reads those of the hub, and writes them for the ONNX files that the `rapidocr` wheel carries without their settings.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.serving import weights

ONNX_FILE = "inference.onnx"
SETTINGS_FILE = "inference.yml"
DETECTION_FILE = "PP-OCRv6_det_small.onnx"
RECOGNITION_FILE = "PP-OCRv6_rec_small.onnx"
"""In the `rapidocr` wheel."""


@dataclass(frozen=True, slots=True)
class RecognizerFolder:
    onnx: Path
    name: str
    characters: tuple[str, ...]


def read_recognizer(folder: Path) -> RecognizerFolder:
    """
    Raises:
        WeightsMissing: a file or an entry of it is not there.
    """
    import yaml

    onnx, settings = folder / ONNX_FILE, folder / SETTINGS_FILE
    for file in (onnx, settings):
        if not file.is_file():
            raise weights.WeightsMissing(
                f"{file} is missing; {folder} must hold {ONNX_FILE} and {SETTINGS_FILE}", file=str(file)
            )
    content: dict[str, Any] = yaml.safe_load(settings.read_text(encoding="utf-8")) or {}
    characters = content.get("PostProcess", {}).get("character_dict")
    if not characters:
        raise weights.WeightsMissing(f"{settings} has no PostProcess.character_dict", file=str(settings))
    name = content.get("Global", {}).get("model_name") or folder.name
    return RecognizerFolder(onnx, str(name), tuple(str(c) for c in characters))


def detection(source: str, name: str, cache_dir: Path) -> Path:
    """The detector's folder; made in `cache_dir` where `source` is the `rapidocr` wheel (`package:rapidocr/models`)."""
    folder = weights.resolve(source)
    if not source.startswith("package:"):
        return folder
    return _write(folder / DETECTION_FILE, _detection_settings(name), cache_dir)


def recognition(source: str, name: str, cache_dir: Path) -> Path:
    """The recogniser's folder, as `detection`."""
    folder = weights.resolve(source)
    if not source.startswith("package:"):
        return folder
    onnx = folder / RECOGNITION_FILE
    return _write(onnx, _recognition_settings(name, _characters(onnx)), cache_dir)


def fingerprint(folder: Path) -> str:
    """Of the model in `folder`, whichever of PaddleOCR's three file formats it has.

    Raises:
        WeightsMissing: it has none of them.
    """
    for name in (ONNX_FILE, "model.safetensors", "inference.pdiparams"):
        if (folder / name).is_file():
            return weights.fingerprint(folder / name)
    raise weights.WeightsMissing(f"{folder} holds no model that PaddleOCR reads", folder=str(folder))


def _characters(onnx: Path) -> list[str]:
    """What the recogniser can write, from the ONNX file's own metadata."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    characters: str = session.get_modelmeta().custom_metadata_map["character"]
    return characters.splitlines()


def _write(onnx: Path, settings: dict[str, Any], cache_dir: Path) -> Path:
    """A folder in `cache_dir` with a link to `onnx` beside `settings` as YAML; the one already there if it is the same.

    Several replicas may write at once: each fills a folder of its own and moves it into place.
    """
    import yaml

    text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
    digest = hashlib.sha256(f"{onnx}\n{text}".encode()).hexdigest()[:16]
    folder = cache_dir / f"{settings['Global']['model_name']}-{digest}"
    if folder.is_dir():
        return folder
    cache_dir.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=cache_dir))
    (draft / SETTINGS_FILE).write_text(text, encoding="utf-8")
    (draft / ONNX_FILE).symlink_to(onnx)
    try:
        draft.rename(folder)
    except OSError:  # another replica was faster
        shutil.rmtree(draft)
    return folder


def _detection_settings(name: str) -> dict[str, Any]:
    """For PP-OCRv6's detector; thresholds as in PaddleOCR's own folder for it (see docs/models.md)."""
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"DetResizeForTest": None},
                {
                    "NormalizeImage": {
                        "mean": [0.485, 0.456, 0.406],
                        "std": [0.229, 0.224, 0.225],
                        "scale": 1 / 255,
                        "order": "hwc",
                    }
                },
                {"ToCHWImage": None},
                {"KeepKeys": {"keep_keys": ["image", "shape"]}},
            ]
        },
        "PostProcess": {"name": "DBPostProcess", "thresh": 0.2, "box_thresh": 0.45, "unclip_ratio": 1.4},
    }


def _recognition_settings(name: str, characters: list[str]) -> dict[str, Any]:
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"RecResizeImg": {"image_shape": [3, 48, 320]}},
                {"KeepKeys": {"keep_keys": ["image"]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": characters},
    }
