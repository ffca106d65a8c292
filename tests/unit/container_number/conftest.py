"""Models that the container-number tests share: the embedded Florence-2 and the embedded OCR."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from PIL import Image

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.adapters import FlorenceReader, peft_notice_ignored
from deployments.container_number.crop_requests import ContainerNumberConfig
from deployments.container_number.engine import ContainerNumberEngine
from deployments.container_number.florence import NANO_SOURCE, load_base
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.engine import OcrEngine
from deployments.ocr.loading import OcrConfig
from deployments.ocr.loading import load_engine as load_ocr
from deployments.ocr_text_finder import OcrTextFinder
from deployments.serving import weights
from tests.unit.container_number.container_service import ContainerService, DirectRunner, running_service


@pytest.fixture(scope="package")
def nano() -> Path:
    return weights.resolve(NANO_SOURCE)


@pytest.fixture
def florence(nano: Path) -> FlorenceReader:
    import torch

    torch.set_num_threads(1)
    return FlorenceReader(nano)


@pytest.fixture(scope="package")
def ocr_engine() -> OcrEngine:
    return load_ocr(OcrConfig(backends=(RapidOcrOptions(),), threads=2))


@pytest.fixture(scope="package")
def text_finder(ocr_engine: OcrEngine) -> OcrTextFinder:
    """The real embedded OCR."""
    return OcrTextFinder(DirectRunner(ocr_engine))


@pytest.fixture
def adapter_root(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


@pytest.fixture
def engine(florence: FlorenceReader, adapter_root: Path) -> ContainerNumberEngine:
    """An engine with room for two adapters."""
    config = ContainerNumberConfig(adapters=str(adapter_root), max_adapters=2)
    return ContainerNumberEngine(
        florence, AdapterFolder(adapter_root, florence.base_hash, "nano-florence"), config, "nano-florence"
    )


@pytest.fixture
async def service(
    engine: ContainerNumberEngine, text_finder: OcrTextFinder, tmp_path: Path
) -> AsyncIterator[ContainerService]:
    """The HTTP face on both real models; `tmp_path / "media"` is its media root."""
    (tmp_path / "media").mkdir()
    async with running_service(engine, text_finder, tmp_path / "media") as running:
        yield running


@pytest.fixture(scope="package")
def make_adapter(nano: Path) -> Callable[..., Path]:
    """`make_adapter(root, name, base_hash=..., seed=...)` writes a LoRA adapter with random weights."""
    import json

    import torch
    from peft import LoraConfig, get_peft_model

    def make(root: Path, name: str, base_hash: str | None = None, seed: int = 0) -> Path:
        torch.manual_seed(seed)
        config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
        folder = root / name
        with peft_notice_ignored():
            get_peft_model(load_base(nano)[0], config).save_pretrained(folder)
        manifest = {
            "base": {"source": "test/base", "weights_sha256": base_hash},
            "reading": {"prompt": "<OCR>", "turn_tall_crops": True},
            "metrics": {"validation": {"tuned": {"exact_match": 0.5}}},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
