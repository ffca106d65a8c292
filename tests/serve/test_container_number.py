"""The container-number service: Florence-2 in its own replica, text found by the OCR application through its handle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.container_number.iso6346 import is_valid
from tests.serve.conftest import ROOT, Cluster

SAMPLES = ROOT / "samples"
YARD = {"TEMU6079348", "HLXU8089911", "OOLU1548969", "CSQU3054383", "TRHU4290170", "MSKU1234565"}


def _read(client: httpx.Client, *files: Path, **form: str) -> dict[str, Any]:
    reply = client.post(
        "/container-number/read", files=[("files", (file.name, file.read_bytes())) for file in files], data=form
    )
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


@pytest.mark.parametrize("reader", ["ocr", "auto"])
def test_all_six_containers_of_the_yard(client: httpx.Client, reader: str) -> None:
    numbers = _read(client, SAMPLES / "yard.jpg", reader=reader)["results"][0]["numbers"]
    assert {number["number"] for number in numbers} == YARD
    for number in numbers:
        assert number["valid"] == is_valid(number["number"])
        assert number["valid"] or number["needs_review"]
        assert number["owner"] + number["category"] + number["serial"] + number["check_digit"] == number["number"]


def test_a_batch_with_a_broken_and_an_empty_picture(client: httpx.Client, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"junk")
    body = _read(client, SAMPLES / "container.png", broken, SAMPLES / "receipt.png")
    assert (body["total_processed"], body["total_success"], body["total_failed"]) == (3, 2, 1)
    assert [result["status"] for result in body["results"]] == ["success", "failed", "success"]
    assert [number["number"] for number in body["results"][0]["numbers"]] == ["CSQU3054383"]
    assert body["results"][1]["error_code"] == "unsupported_media"
    assert body["results"][2]["numbers"] == []


def test_server_paths_under_the_media_roots(client: httpx.Client, cluster: Cluster) -> None:
    shutil.copy(SAMPLES / "container.png", cluster.media / "container.png")
    call = {"private_imgs": [str(cluster.media / "container.png"), "/etc/passwd"], "reader": "ocr"}
    body = client.post("/container-number/read", json=call).json()
    assert [result["status"] for result in body["results"]] == ["success", "failed"]
    assert body["results"][1]["error_code"] == "access_denied"


def test_an_unknown_adapter_is_a_404_that_lists_what_there_is(client: httpx.Client) -> None:
    answer = client.post(
        "/container-number/read",
        files={"files": (SAMPLES / "container.png").read_bytes()},
        data={"adapter": "nonesuch", "reader": "florence"},
    )
    assert answer.status_code == 404
    assert "base" in answer.json()["error"]["message"]
    assert [adapter["name"] for adapter in client.get("/container-number/adapters").json()["adapters"]] == ["base"]


def test_an_unknown_reader_is_a_typed_error(client: httpx.Client) -> None:
    answer = client.post(
        "/container-number/read",
        files={"files": (SAMPLES / "container.png").read_bytes()},
        data={"reader": "crystal ball"},
    )
    assert answer.status_code == 422
    assert json.loads(answer.text)["error"]["code"] in ("invalid_input", "unsupported_option")
