"""`POST /read` and `GET /adapters` over HTTP, on both real models."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deployments.container_number.adapters import FlorenceReader
from deployments.container_number.engine import ContainerNumberEngine
from deployments.container_number.found_text import TextFinding
from deployments.container_number.limits import ContainerNumberLimits
from deployments.ocr_text_finder import OcrTextFinder
from deployments.serving.batching import Batching
from deployments.serving.errors import NotReady, Overloaded
from tests.assets.container_number.yard import SIX, Wall, draw_yard
from tests.unit.container_number.conftest import png
from tests.unit.container_number.container_service import ContainerService, running_service
from training.rendering.crop import render_crop
from training.rendering.styles import PAINTED

SAMPLES = Path(__file__).parents[3] / "samples"
MakeAdapter = Callable[..., Path]
CONTAINER = (SAMPLES / "container.png").read_bytes()


@pytest.fixture(scope="module")
def crop() -> bytes:
    """A crop of CSQU3054383 as the nano model knows them."""
    from deployments.container_number.iso6346 import parse

    return png(render_crop(parse("CSQU3054383"), PAINTED, np.random.default_rng(11)))


async def test_reader_ocr_gives_every_field(service: ContainerService) -> None:
    [number] = await service.numbers(CONTAINER, reader="ocr")
    box = number.pop("box")
    assert len(box) == 4
    assert 100 < box[0][0] < 140
    assert number.pop("confidence") > 0.95
    assert number == {
        "number": "CSQU3054383", "owner": "CSQ", "category": "U", "serial": "305438", "check_digit": "3",
        "size_type": "22G1", "size_type_description": "20 ft long, 8 ft 6 in high, general purpose container",
        "valid": True, "needs_review": False, "review_reasons": [], "alternatives": number["alternatives"],
        "corrections": [], "text": number["text"],
        "page": 0, "reader": "ocr", "model": "PP-OCRv6_small_rec", "adapter": None,
    }  # fmt: skip


async def test_reader_florence_reads_the_upload_as_a_crop(service: ContainerService, crop: bytes) -> None:
    [number] = await service.numbers(crop, reader="florence")
    assert (number["number"], number["valid"], number["needs_review"]) == ("CSQU3054383", True, False)
    assert (number["reader"], number["model"], number["adapter"]) == ("florence", "nano-florence", "base")
    with Image.open(BytesIO(crop)) as picture:
        assert number["box"][2] == [picture.width, picture.height]


async def test_reader_auto_finds_six_containers(service: ContainerService) -> None:
    numbers = await service.numbers((SAMPLES / "yard.jpg").read_bytes())  # auto is the default
    assert {number["number"] for number in numbers} == {wall.number for wall in SIX}
    assert {number["reader"] for number in numbers} <= {"ocr", "ocr+florence"}
    assert any(number["model"] == "PP-OCRv6_small_rec + nano-florence" for number in numbers)
    assert all(number["valid"] or number["needs_review"] for number in numbers)


@pytest.mark.parametrize("reader", ["ocr", "auto"])
async def test_ocr_reads_a_tight_crop_too(service: ContainerService, crop: bytes, reader: str) -> None:
    [number] = await service.numbers(crop, reader=reader)
    assert (number["number"], number["needs_review"]) == ("CSQU3054383", False)
    with Image.open(BytesIO(crop)) as picture:
        assert all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in number["box"])


@pytest.mark.parametrize("reader", ["ocr", "florence", "auto"])
@pytest.mark.parametrize("picture", ["wall", "receipt", "noise"])
async def test_picture_without_a_number_is_an_empty_list(service: ContainerService, reader: str, picture: str) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (60, 340, 3), dtype=np.uint8)
    data = {
        "wall": png(Image.new("RGB", (340, 60), (120, 40, 40))),
        "receipt": (SAMPLES / "receipt.png").read_bytes(),
        "noise": png(Image.fromarray(noise)),
    }[picture]
    assert await service.numbers(data, reader=reader) == []


async def test_wrong_check_digit_needs_review(service: ContainerService) -> None:
    wall = draw_yard((Wall("CSQU3054387", "22G1", "one_line", (20, 60, 110)),), columns=1)
    [number] = await service.numbers(png(wall), reader="ocr")
    assert number["needs_review"]
    assert number["review_reasons"]


async def test_bad_image_is_a_failed_entry_among_the_others(service: ContainerService) -> None:
    reply = await service.read(CONTAINER, b"no image", b"", CONTAINER, reader="ocr")
    body = reply.json()
    assert reply.status_code == 200
    assert [result["status"] for result in body["results"]] == ["success", "failed", "failed", "success"]
    assert [result["error_code"] for result in body["results"]] == [None, "unsupported_media", "invalid_input", None]
    assert (body["total_processed"], body["total_success"], body["total_failed"]) == (4, 2, 2)
    assert body["results"][1]["numbers"] == []
    assert body["results"][3]["numbers"][0]["number"] == "CSQU3054383"


async def test_server_paths_under_the_media_root_only(service: ContainerService, tmp_path: Path) -> None:
    (service.media / "gate.png").write_bytes(CONTAINER)
    (tmp_path / "outside.png").write_bytes(CONTAINER)
    paths = [str(service.media / "gate.png"), str(service.media / "gone.png"), str(tmp_path / "outside.png"), "a.png"]
    reply = await service.http.post("/read", json={"private_imgs": paths, "reader": "ocr"})
    codes = [result["error_code"] for result in reply.json()["results"]]
    assert codes == [None, "not_found", "access_denied", "invalid_input"]
    assert reply.json()["results"][0]["numbers"][0]["number"] == "CSQU3054383"
    form = await service.http.post("/read", data={"private_imgs": paths[0], "reader": "ocr"})
    assert form.json()["results"][0]["numbers"][0]["number"] == "CSQU3054383"


async def test_new_adapter_is_served_without_restart(
    service: ContainerService, florence: FlorenceReader, make_adapter: MakeAdapter, adapter_root: Path, crop: bytes
) -> None:
    reply = await service.read(crop, reader="florence", adapter="gate")
    assert reply.status_code == 404
    assert reply.json()["error"]["available"] == ["base"]
    assert [one["name"] for one in (await service.http.get("/adapters")).json()["adapters"]] == ["base"]
    make_adapter(adapter_root, "gate", florence.base_hash)
    make_adapter(adapter_root, "foreign", "0" * 64)
    listed = (await service.http.get("/adapters")).json()
    assert [(one["name"], one["fits"]) for one in listed["adapters"]] == [
        ("base", True), ("foreign", False), ("gate", True),
    ]  # fmt: skip
    assert listed["adapters"][2]["metrics"]["validation"]["tuned"]["exact_match"] == 0.5
    assert (await service.read(crop, reader="florence", adapter="gate")).status_code == 200
    assert (await service.read(crop, reader="auto", adapter="gate")).status_code == 200
    refused = await service.read(crop, reader="florence", adapter="foreign")
    assert refused.status_code == 422
    assert "made for test/base" in refused.json()["error"]["message"]


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "no image": ({"data": {"reader": "ocr"}}, 422),
    "no body": ({}, 422),
    "not JSON": ({"content": b"{"}, 422),
    "not an object": ({"json": [1]}, 422),
    "paths are no list": ({"json": {"private_imgs": "x"}}, 422),
    "paths are no texts": ({"json": {"private_imgs": [1]}}, 422),
    "paths and files": ({"files": [("files", ("a.png", CONTAINER))], "data": {"private_imgs": "/a"}}, 422),
    "unknown reader": ({"files": [("files", ("a.png", CONTAINER))], "data": {"reader": "magic"}}, 422),
    "adapter is no text": ({"json": {"private_imgs": ["/a"], "adapter": 1}}, 422),
    "too many": ({"json": {"private_imgs": ["/a"] * 101}}, 413),
    "too many uploads": ({"files": [("files", (f"{n}.png", b"x")) for n in range(101)]}, 413),
    "another type": ({"content": b"x", "headers": {"content-type": "image/png"}}, 415),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_calls(service: ContainerService, name: str) -> None:
    call, status = REFUSED[name]
    reply = await service.http.post("/read", **call)
    assert reply.status_code == status, reply.text
    assert len(reply.json()["error"]["message"]) > 20


async def test_health_and_openapi(service: ContainerService) -> None:
    assert (await service.http.get("/health")).json()["model"] == "nano-florence"
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    assert "multipart/form-data" in paths["/read"]["post"]["requestBody"]["content"]


class Unwell:
    """An OCR service in trouble: refuses `refusals` times, then answers with no text."""

    def __init__(self, refusals: int, error: Exception) -> None:
        self.refusals, self.error = refusals, error

    async def find(self, data: bytes) -> TextFinding:
        self.refusals -= 1
        if self.refusals >= 0:
            raise self.error
        return TextFinding((), ((100, 100),), "fake")


async def test_ocr_that_is_away_fails_the_whole_call(engine: ContainerNumberEngine, tmp_path: Path) -> None:
    finder = Unwell(1000, NotReady("OCR is starting", retry_after_s=3))
    async with running_service(engine, finder, tmp_path) as service:
        reply = await service.read(CONTAINER, CONTAINER, reader="auto")
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "3"
        assert (await service.read(CONTAINER, reader="florence")).status_code == 200


async def test_a_call_of_several_waits_out_a_full_queue(engine: ContainerNumberEngine, tmp_path: Path) -> None:
    async with running_service(engine, Unwell(3, Overloaded("full", retry_after_s=0.01)), tmp_path) as service:
        assert (await service.read(CONTAINER, CONTAINER, reader="ocr")).json()["total_success"] == 2
    async with running_service(engine, Unwell(1, Overloaded("full", retry_after_s=1)), tmp_path) as service:
        assert (await service.read(CONTAINER, reader="ocr")).status_code == 503


async def test_service_without_ocr(engine: ContainerNumberEngine, tmp_path: Path, crop: bytes) -> None:
    async with running_service(engine, None, tmp_path) as service:
        [number] = await service.numbers(crop)
        assert number["reader"] == "florence"
        reply = await service.read(crop, reader="ocr")
        assert reply.status_code == 503
        assert reply.json()["error"]["available"] == ["florence"]


async def test_many_images_few_at_a_time(
    engine: ContainerNumberEngine, text_finder: OcrTextFinder, tmp_path: Path, crop: bytes
) -> None:
    limits = ContainerNumberLimits(max_images=40, parallel_images=3)
    async with running_service(engine, text_finder, tmp_path, limits, Batching(max_requests=3)) as service:
        body = (await service.read(*[crop] * 40, reader="florence")).json()
        assert body["total_success"] == 40
        assert {result["numbers"][0]["number"] for result in body["results"]} == {"CSQU3054383"}
        assert (await service.read(*[crop] * 41, reader="florence")).status_code == 413
