"""The OCR service as old clients use it: real images, real models, real database, over HTTP."""

from __future__ import annotations

import base64
import io
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.serve.conftest import ROOT, Cluster

SAMPLES = ROOT / "samples"
ENGLISH = json.dumps({"language": "en"})


def _texts(reply: dict[str, Any]) -> list[str]:
    return [box["text"] for box in reply["text_boxes"]]


def _bomb() -> bytes:
    """A PNG of 60,000 x 60,000 black pixels, 10.8 GB once decoded, in some kilobytes of its own length."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    side = (60_000).to_bytes(4, "big")
    packed = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", side + side + b"\x08\x02\x00\x00\x00") + chunk(b"IDAT", packed)


def test_an_upload_as_the_old_client_sends_it(client: httpx.Client) -> None:
    with (SAMPLES / "receipt.png").open("rb") as file:
        reply = client.post("/ocr/extract_text", files={"file": file}, data={"request_data": ENGLISH})
    assert reply.status_code == 200
    body = reply.json()
    assert "HARBOR CAFE" in _texts(body)
    assert body["backend"] == "rapidocr"
    box = body["text_boxes"][0]
    assert 0 <= box["confidence"] <= 1
    assert len(box["bbox"]) == 4
    assert all(len(point) == 2 for point in box["bbox"])


def test_a_server_path_under_a_media_root(client: httpx.Client, cluster: Cluster) -> None:
    (cluster.media / "scan.png").write_bytes((SAMPLES / "receipt.png").read_bytes())
    request = json.dumps({"private_img": str(cluster.media / "scan.png"), "language": "en"})
    form = client.post("/ocr/extract_text", data={"request_data": request})
    plain = client.post("/ocr/extract_text", content=request, headers={"content-type": "application/json"})
    assert _texts(form.json()) == _texts(plain.json())
    assert "HARBOR CAFE" in _texts(form.json())


@pytest.mark.parametrize("path", ["/etc/passwd", "{media}/../../etc/passwd", "{media}/link/passwd", "{media}/link"])
def test_nothing_outside_a_media_root_is_read(client: httpx.Client, cluster: Cluster, path: str) -> None:
    link = cluster.media / "link"
    if not link.is_symlink():
        link.symlink_to("/etc")
    answer = client.post(
        "/ocr/extract_text",
        data={"request_data": json.dumps({"private_img": path.format(media=cluster.media), "language": "en"})},
    )
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "access_denied"
    assert "root:" not in answer.text


def test_a_batch_with_one_broken_file_and_its_rows(client: httpx.Client) -> None:
    names = ["receipt.png", "invoice.jpg", "broken.png", "letter.pdf"]
    data = {name: (SAMPLES / name).read_bytes() for name in names if name != "broken.png"}
    data["broken.png"] = data["receipt.png"][:3000]
    options = {"language": "en", "chain_id": "chain-one-broken"}
    reply = client.post(
        "/ocr/extract_text_batch",
        files=[("files", (name, data[name])) for name in names],
        data={"request_data": json.dumps(options)},
    )
    assert reply.status_code == 200
    body = reply.json()
    assert (body["total_processed"], body["total_success"], body["total_failed"]) == (4, 3, 1)
    assert [result["status"] for result in body["results"]] == ["success", "success", "failed", "success"]
    assert body["results"][2]["text_boxes"] == []
    assert body["results"][2]["error"]
    rows = client.get("/ocr/executions", params={"chain_id": "chain-one-broken"}).json()["executions"]
    assert {row["image_index"]: row["status"] for row in rows} == {
        0: "success",
        1: "success",
        2: "failed",
        3: "success",
    }
    for row in rows:
        stored = client.get(f"/ocr/executions/{row['id']}").json()
        answered = body["results"][row["image_index"]]
        assert [box["text"] for box in stored["text_boxes"]] == _texts(answered)
    again = client.post(
        "/ocr/extract_text_batch",
        files=[("files", (name, data[name])) for name in names],
        data={"request_data": json.dumps(options)},
    )
    assert again.status_code == 200
    repeated = client.get("/ocr/executions", params={"chain_id": "chain-one-broken"}).json()["executions"]
    assert {row["id"] for row in repeated} == {row["id"] for row in rows}, "a repeat makes no second row"


def test_a_batch_of_paths_in_the_old_json(client: httpx.Client, cluster: Cluster) -> None:
    paths = []
    for name in ("receipt.png", "invoice.jpg"):
        (cluster.media / name).write_bytes((SAMPLES / name).read_bytes())
        paths.append(str(cluster.media / name))
    old = {
        "request_data": {"language": "en", "confidence_threshold": 0.5, "use_angle_cls": True},
        "private_imgs": [*paths, str(cluster.media / "gone.png")],
    }
    body = client.post("/ocr/extract_text_batch", json=old).json()
    assert (body["total_processed"], body["total_success"], body["total_failed"]) == (3, 2, 1)
    assert "HARBOR CAFE" in _texts(body["results"][0])


@pytest.mark.system
def test_korean_is_the_default_language(client: httpx.Client) -> None:
    with (SAMPLES / "korean.png").open("rb") as file:
        reply = client.post("/ocr/extract_text", files={"file": file})
    if reply.status_code == 503:
        assert "install" in reply.json()["error"]["message"].lower()
        pytest.skip("Tesseract with Korean is not installed, and the 503 says so")
    assert "감사합니다" in _texts(reply.json())


def test_base64_equals_the_upload(client: httpx.Client) -> None:
    data = (SAMPLES / "receipt.png").read_bytes()
    upload = client.post("/ocr/extract_text", files={"file": ("a.png", data)}, data={"request_data": ENGLISH}).json()
    encoded = client.post("/ocr/extract_text", json={"image": base64.b64encode(data).decode(), "language": "en"}).json()
    assert _texts(encoded) == _texts(upload)


BAD: dict[str, tuple[bytes, int, str]] = {
    "empty file": (b"", 422, "invalid_input"),
    "text named .png": (b"hello, I am text", 415, "unsupported_media"),
    "decompression bomb": (_bomb(), 413, "input_too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_typed_errors(client: httpx.Client, name: str) -> None:
    data, status, code = BAD[name]
    answer = client.post("/ocr/extract_text", files={"file": ("x.png", data)}, data={"request_data": ENGLISH})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"language": "klingon"}, "unsupported_option"),
        ({"language": "en", "confidence_threshold": 1.5}, "invalid_input"),
        ({"language": "en", "use_angle_cls": "perhaps"}, "invalid_input"),
        ({"language": 7}, "invalid_input"),
        ({"language": "en", "backend": "nonesuch"}, "unsupported_option"),
    ],
)
def test_bad_options_are_typed_errors(client: httpx.Client, options: dict[str, Any], code: str) -> None:
    with (SAMPLES / "receipt.png").open("rb") as file:
        answer = client.post("/ocr/extract_text", files={"file": file}, data={"request_data": json.dumps(options)})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == code


def test_an_empty_body_and_a_body_that_is_not_json(client: httpx.Client) -> None:
    for content in (b"", b"{"):
        answer = client.post("/ocr/extract_text", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "invalid_input"


def test_a_single_pixel_has_no_text(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "PNG")
    reply = client.post("/ocr/extract_text", files={"file": buffer.getvalue()}, data={"request_data": ENGLISH})
    assert reply.status_code == 200
    assert reply.json()["text_boxes"] == []


def test_good_images_among_bad_ones_at_the_same_time(client: httpx.Client) -> None:
    good = (SAMPLES / "receipt.png").read_bytes()
    bodies = [good, b"junk", good[:2000], good, _bomb(), good]

    def call(data: bytes) -> httpx.Response:
        return client.post("/ocr/extract_text", files={"file": ("x.png", data)}, data={"request_data": ENGLISH})

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, bodies))
    assert [answer.status_code == 200 for answer in answers] == [True, False, False, True, False, True]
    texts = {tuple(_texts(answer.json())) for answer in answers if answer.status_code == 200}
    assert len(texts) == 1, "the same image gives the same text, whatever shared its batch"


def test_real_photographs_where_they_are_at_hand(client: httpx.Client) -> None:
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("../shared/data is not here")

    def read(name: str, language: str) -> str:
        with (data / name).open("rb") as file:
            reply = client.post(
                "/ocr/extract_text", files={"file": file}, data={"request_data": json.dumps({"language": language})}
            )
        return " ".join(_texts(reply.json()))

    english = read("en.jpg", "en").replace(" ", "")
    assert "Tofacilitatetheshottypeanalysisinvideos" in english
    assert "正品促销" in read("ch_en_num.jpg", "ch")
    assert "我是中国人" in read("img_exif_orientation.jpg", "ch")
