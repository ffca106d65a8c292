"""`PipelineContext`, `OCRStage` and `BentoMLClient`: the old names, on the real service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deployments.client import (
    AsyncSensorium,
    BentoMLClient,
    ContradictoryContext,
    OCRStage,
    PipelineContext,
    RetryableError,
)
from tests.unit.client.both_clients import HASTY
from tests.unit.client.real_server import KEY, RealServer, free_port


@pytest.fixture
def stage(server: RealServer) -> OCRStage:
    return OCRStage(lambda: AsyncSensorium(server.url, KEY, retries=HASTY))


async def test_a_single_image(stage: OCRStage, server: RealServer) -> None:
    context = PipelineContext(
        chain_id="chain-1",
        private_img="/data/one.png",
        public_file_path="/public/one.png",
        is_batch=False,
        batch_id="batch-1",
        options={"language": "en", "confidence_threshold": 0.3, "use_angle_cls": False, "llm_model": "another stage's"},
    )

    assert await stage.execute(context) is context

    assert context.ocr_result is not None
    assert context.ocr_results is None
    assert context.ocr_result.text_boxes[0].text == "/data/one.png"
    assert context.ocr_result["text_boxes"][0]["text"] == "/data/one.png"  # as the old dictionaries
    options = server.ocr.requests[-1].options
    assert (options.language, options.confidence_threshold, options.use_angle_cls) == ("en", 0.3, False)
    async with AsyncSensorium(server.url, KEY) as client:
        stored = await client.ocr.execution(context.ocr_result.execution_id or "")
    assert (stored.chain_id, stored.batch_id, stored.public_file_path) == ("chain-1", "batch-1", "/public/one.png")


@pytest.mark.parametrize("is_batch", [True, None])
async def test_a_batch_keeps_the_good_ones(stage: OCRStage, is_batch: bool | None) -> None:
    context = PipelineContext(
        private_imgs=["/a.png", "bad.png", "/c.png"], public_file_paths=["/pa", "/pb", "/pc"], is_batch=is_batch
    )

    await stage.execute(context)

    assert context.ocr_result is None
    assert context.ocr_results is not None
    assert [entry.status for entry in context.ocr_results] == ["success", "failed", "success"]
    assert [entry.text_boxes[0].text for entry in context.ocr_results if not entry.failed] == ["/a.png", "/c.png"]
    assert [entry.error_code for entry in context.failed] == ["unsupported_media"]
    assert context.ocr_results[1]["text_boxes"] == ()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "no image"),
        ({"private_img": ""}, "no image"),
        ({"private_img": "/a", "private_imgs": ["/b"]}, "both given"),
        ({"private_img": "/a", "is_batch": True}, "is_batch is true"),
        ({"is_batch": True}, "at least one"),
        ({"private_imgs": [], "is_batch": True}, "at least one"),
        ({"private_imgs": ["/a"], "is_batch": False}, "is_batch is false"),
        ({"private_imgs": "/a.png"}, "one string"),
        ({"private_imgs": ["/a", ""]}, "something else than paths"),
        ({"private_imgs": ["/a", None]}, "something else than paths"),
        ({"private_imgs": ["/a"], "public_file_path": "/p"}, "belongs to a single"),
        ({"private_imgs": ["/a"], "public_file_paths": ["/p", "/q"]}, "2 public_file_paths for 1"),
        ({"private_imgs": ["/a"], "public_file_paths": "/p"}, "one string"),
        ({"private_img": "/a", "public_file_paths": ["/p"]}, "belongs to a batch"),
    ],
)
async def test_contradictory_contexts_are_refused_before_anything_is_sent(
    stage: OCRStage, server: RealServer, fields: dict[str, Any], says: str
) -> None:
    before = len(server.ocr.requests)
    with pytest.raises(ContradictoryContext, match=says) as raised:
        await stage.execute(PipelineContext(**fields))
    assert isinstance(raised.value, ValueError)
    assert raised.value.details["field"] in {*fields, "private_img", "private_imgs"}
    assert len(server.ocr.requests) == before


async def test_refusals_and_outages_keep_their_base_classes(stage: OCRStage) -> None:
    context = PipelineContext(private_img="bad.png")
    with pytest.raises(ValueError, match="not an image"):
        await stage.execute(context)
    assert context.ocr_result is None
    nobody = OCRStage(lambda: AsyncSensorium(f"http://127.0.0.1:{free_port()}", retries=HASTY))
    with pytest.raises(RetryableError):
        await nobody.execute(PipelineContext(private_img="/a.png"))


def test_the_stage_finds_its_server_in_the_environment(server: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_URL", server.url)
    monkeypatch.setenv("SENSORIUM_API_KEY", KEY)
    stage = OCRStage()
    for _ in range(2):  # a loop each, as Celery tasks have it
        context = asyncio.run(stage.execute(PipelineContext(private_img="/a.png")))
        assert context.ocr_result is not None


@pytest.mark.parametrize("base", ["/ocr", "/ocr/", ""])
async def test_the_old_clients_calls(server: RealServer, base: str) -> None:
    request_data = {"language": "korean", "confidence_threshold": 0.5, "use_angle_cls": True}
    async with BentoMLClient(server.url + base, KEY, retries=HASTY) as client:
        single = await client.extract_text({"private_img": "/a.png", **request_data})
        batch = await client.extract_text_batch(request_data, ["/a.png", "bad.png"])
        with pytest.raises(ValueError, match="not an image"):
            await client.extract_text({"private_img": "bad.png"})
        with pytest.raises(ValueError, match="give a list"):
            await client.extract_text_batch(request_data, "/a.png")

    assert single["text_boxes"][0]["text"] == "/a.png"
    assert {"text", "confidence", "bbox"} <= set(single["text_boxes"][0])
    assert (batch["total_processed"], batch["total_success"], batch["total_failed"]) == (2, 1, 1)
    assert batch["results"][1]["status"] == "failed"
