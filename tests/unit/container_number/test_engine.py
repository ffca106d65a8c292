"""The crop reader behind the Engine contract, on the embedded Florence-2."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deployments.container_number.adapters import FlorenceReader
from deployments.container_number.crop_requests import ContainerNumberConfig, CropRequest, CropResult, Region
from deployments.container_number.engine import ContainerNumberEngine, adapter_root, load_engine
from deployments.container_number.florence import CropText
from deployments.serving.errors import (
    BackendMissing,
    InvalidInput,
    NotFound,
    UnsupportedMedia,
    UnsupportedOption,
)
from deployments.serving.media import InlineMedia
from tests.unit.container_number.conftest import png
from training.rendering.crop import random_number, render_crop
from training.rendering.styles import PAINTED

MakeAdapter = Callable[..., Path]


def crops(count: int, seed: int = 7) -> list[tuple[str, Image.Image]]:
    """Crops as the nano model is trained on, of other seeds."""
    rng = np.random.default_rng(seed)
    numbers = [random_number(rng) for _ in range(count)]
    return [(number.number, render_crop(number, PAINTED, rng)) for number in numbers]


def run(engine: ContainerNumberEngine, request: CropRequest) -> CropResult:
    units = engine.prepare(request)
    assert all(engine.cost(unit) == 1 for unit in units)
    outcomes = engine.infer(units)
    texts = [outcome for outcome in outcomes if isinstance(outcome, CropText)]
    assert len(texts) == len(units), outcomes
    return engine.assemble(request, units, texts)


def request(image: Image.Image, adapter: str = "base", regions: tuple[Region, ...] | None = None) -> CropRequest:
    return CropRequest(InlineMedia(png(image)), adapter, regions)


def test_reads_crops_of_its_style(engine: ContainerNumberEngine) -> None:
    drawn = crops(12)
    texts = [run(engine, request(image)).texts[0] for _, image in drawn]
    right = sum(text.text == number for text, (number, _) in zip(texts, drawn, strict=True))
    assert right >= 10
    assert all(0 <= text.confidence <= 1 for text in texts)


def test_crops_of_many_requests_in_one_batch_read_as_alone(engine: ContainerNumberEngine) -> None:
    units = [unit for _, image in crops(6) for unit in engine.prepare(request(image))]
    together = engine.infer(units)
    for unit, outcome in zip(units, together, strict=True):
        [alone] = engine.infer([unit])
        assert isinstance(alone, CropText)
        assert isinstance(outcome, CropText)
        assert outcome.text == alone.text
        assert outcome.confidence == pytest.approx(alone.confidence, abs=1e-3)


def test_regions_are_cut_from_the_picture(engine: ContainerNumberEngine) -> None:
    (number, image), *_ = crops(1)
    page = Image.new("RGB", (900, 700), "grey")
    page.paste(image, (200, 300))
    left, top, right, bottom = 200, 300, 200 + image.width, 300 + image.height
    quad = ((left, top), (right, top), (right, bottom), (left, bottom))
    result = run(engine, request(page, regions=(Region((quad,)), Region((quad,)))))
    assert [text.text for text in result.texts] == [number, number]


def test_region_on_a_page_that_is_not_there(engine: ContainerNumberEngine) -> None:
    quad = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    with pytest.raises(InvalidInput, match="page 3"):
        engine.prepare(request(Image.new("RGB", (20, 20)), regions=(Region((quad,), page=3),)))


@pytest.mark.parametrize(("data", "error"), [(b"no image", UnsupportedMedia), (b"", InvalidInput)])
def test_bad_picture(engine: ContainerNumberEngine, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        engine.prepare(CropRequest(InlineMedia(data)))


def test_adapters_and_base_in_one_batch(
    engine: ContainerNumberEngine, florence: FlorenceReader, make_adapter: MakeAdapter, adapter_root: Path
) -> None:
    image = crops(1)[0][1]
    base = run(engine, request(image)).texts[0]
    make_adapter(adapter_root, "one", florence.base_hash, seed=1)
    make_adapter(adapter_root, "v1.2", florence.base_hash, seed=2)  # without a restart
    units = [engine.prepare(request(image, name))[0] for name in ("one", "base", "v1.2", "base", "one")]
    outcomes = engine.infer(units)
    assert outcomes[1] == outcomes[3]
    assert isinstance(outcomes[1], CropText)
    assert outcomes[1].text == base.text
    assert outcomes[0] == outcomes[4]
    assert len({outcome.confidence for outcome in outcomes if isinstance(outcome, CropText)}) == 3


def test_least_recently_used_adapter_leaves_memory(
    engine: ContainerNumberEngine, florence: FlorenceReader, make_adapter: MakeAdapter, adapter_root: Path
) -> None:
    image = crops(1)[0][1]
    for seed, name in enumerate("abc"):
        make_adapter(adapter_root, name, florence.base_hash, seed)
    first = run(engine, request(image, "a"))
    for name in ("b", "a", "c"):
        run(engine, request(image, name))
    assert engine.adapters_in_memory == ("a", "c")
    assert len(florence.adapters) == 2
    run(engine, request(image, "b"))
    assert run(engine, request(image, "a")) == first


def test_retrained_adapter_of_the_same_name_replaces_the_old(
    engine: ContainerNumberEngine, florence: FlorenceReader, make_adapter: MakeAdapter, adapter_root: Path
) -> None:
    image = crops(1)[0][1]
    make_adapter(adapter_root, "gate", florence.base_hash, seed=1)
    before = run(engine, request(image, "gate"))
    make_adapter(adapter_root, "gate", florence.base_hash, seed=2)
    assert run(engine, request(image, "gate")) != before


def test_broken_adapter_fails_its_own_crops_only(
    engine: ContainerNumberEngine, florence: FlorenceReader, make_adapter: MakeAdapter, adapter_root: Path
) -> None:
    image = crops(1)[0][1]
    make_adapter(adapter_root, "good", florence.base_hash, seed=1)
    broken = make_adapter(adapter_root, "bro.ken", florence.base_hash, seed=2)
    (broken / "adapter_model.safetensors").write_bytes(b"cut off")
    units = [engine.prepare(request(image, name))[0] for name in ("bro.ken", "good", "base")]
    [before] = engine.infer(units[2:])
    failed, *read = engine.infer(units)
    assert isinstance(failed, InvalidInput)
    assert "'bro.ken'" in failed.message
    assert all(isinstance(outcome, CropText) for outcome in read)
    assert engine.infer(units[2:]) == [before]
    assert read[1] == before


def test_unknown_and_foreign_adapters_fail_in_prepare(
    engine: ContainerNumberEngine, make_adapter: MakeAdapter, adapter_root: Path
) -> None:
    image = crops(1)[0][1]
    make_adapter(adapter_root, "foreign", "0" * 64)
    with pytest.raises(NotFound):
        engine.prepare(request(image, "gone"))
    with pytest.raises(InvalidInput, match="made for"):
        engine.prepare(request(image, "foreign"))


def test_configuration_crosses_processes_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    config = pickle.loads(pickle.dumps(ContainerNumberConfig()))
    assert adapter_root(config) == tmp_path / "adapters"
    engine = load_engine(config)
    engine.warm_up()
    assert engine.card.model == "nano-florence"
    assert engine.card.version.startswith("sha256:")
    engine.close()


def test_configurations_that_cannot_be_loaded() -> None:
    with pytest.raises(UnsupportedOption, match="precision"):
        load_engine(ContainerNumberConfig(precision="int3"))
    with pytest.raises(BackendMissing):
        load_engine(ContainerNumberConfig(model="/nowhere"))
    with pytest.raises(BackendMissing):
        load_engine(ContainerNumberConfig(device="cuda:7"))
    with pytest.raises(ValueError, match="max_adapters"):
        ContainerNumberConfig(max_adapters=0)
