"""One small request per service, cheap enough for many at once on two cores."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

from tests.cluster.load import PATIENCE_S, Sample

FOLDER = Path(__file__).resolve().parents[2] / "samples"
_LANGUAGE = {"request_data": json.dumps({"language": "en"})}


def embedding(texts: int = 1, clients: int = 2) -> Sample:
    """Calls of `texts` short texts each."""
    batch = [f"container {number} is at gate seven" for number in range(texts)]
    return Sample(
        "embedding",
        "/embedding/api/v1/embed-batch",
        {"json": {"texts": batch}},
        lambda sdk: sdk.embedding.embed_batch(batch, timeout_s=PATIENCE_S),
        clients,
    )


def every_service() -> list[Sample]:
    """OCR twice: a picture that HAProxy can hold while a replica works on it, and one that it cannot."""
    small, large, clip = _picture("PNG"), _picture("BMP"), _clip()
    container = (FOLDER / "container.png").read_bytes()
    return [
        embedding(),
        Sample(
            "ocr",
            "/ocr/extract_text",
            {"files": {"file": ("line.png", small)}, "data": _LANGUAGE},
            lambda sdk: sdk.ocr.extract(small, language="en", timeout_s=PATIENCE_S),
            clients=1,
        ),
        Sample(
            "ocr, 200 KB",
            "/ocr/extract_text",
            {"files": {"file": ("line.bmp", large)}, "data": _LANGUAGE},
            lambda sdk: sdk.ocr.extract(large, language="en", timeout_s=PATIENCE_S),
            clients=1,
        ),
        Sample(
            "speech",
            "/speech/transcribe",
            {"files": {"file": ("clip.wav", clip)}},
            lambda sdk: sdk.speech.transcribe(clip, timeout_s=PATIENCE_S),
            clients=1,
        ),
        Sample(
            "container-number",
            "/container-number/read",
            {"files": {"files": ("container.png", container)}},
            lambda sdk: sdk.container_number.read([container], timeout_s=PATIENCE_S),
            clients=1,
        ),
    ]


def _picture(form: str) -> bytes:
    """The first line of the sample receipt."""
    from PIL import Image

    with Image.open(FOLDER / "receipt.png") as page:
        line = page.convert("RGB").crop((0, 0, page.width, 70_000 // page.width))
        file = io.BytesIO()
        line.save(file, form)
    return file.getvalue()


def _clip() -> bytes:
    """The first second of the sample recording."""
    file = io.BytesIO()
    with wave.open(str(FOLDER / "gate.wav")) as whole, wave.open(file, "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(whole.getframerate()))
    return file.getvalue()
