"""PDFs: every page drawn at the configured resolution; limits hold before anything is drawn."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from deployments.serving.errors import InputTooLarge, UnsupportedMedia
from deployments.serving.images import count_pages, decode
from deployments.serving.media import MediaPolicy
from tests.assets.ocr.draw_samples import write_pdf

POLICY = MediaPolicy()


def blank(pages: int, width: float = 144, height: float = 72) -> PdfWriter:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(width, height)
    return writer


def data_of(writer: PdfWriter) -> bytes:
    stream = BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_every_page_at_the_configured_resolution() -> None:
    pages = decode(data_of(blank(3)), MediaPolicy(pdf_dpi=100))
    assert [page.shape for page in pages] == [(100, 200, 3)] * 3
    assert all(page.dtype == np.uint8 and page.min() == 255 for page in pages)


def test_some_pages_of_a_document_that_is_too_long_as_a_whole() -> None:
    writer = PdfWriter()
    for width in range(100, 170, 10):
        writer.add_blank_page(width, 72)
    data, policy = data_of(writer), MediaPolicy(pdf_dpi=72, max_pages=3)
    assert count_pages(data, policy) == 7
    assert [page.shape[1] for page in decode(data, policy, range(2, 5))] == [120, 130, 140]
    assert [page.shape[1] for page in decode(data, policy, range(6, 9))] == [160]
    with pytest.raises(InputTooLarge):
        decode(data, policy)


def test_text_is_drawn_dark_on_white() -> None:
    (page,) = decode(write_pdf((("Hello",),)), POLICY)
    assert page.shape == (2339, 1653, 3)
    dark = (page.max(axis=2) < 100).nonzero()
    assert 200 < dark[0].mean() < 260  # 760 of 842 points up: 228 of 2,339 pixels down
    assert 190 < dark[1].min() < 210  # 72 of 595 points: 200 pixels


def test_colours_come_as_rgb() -> None:
    stream = BytesIO()
    Image.new("RGB", (100, 100), (255, 0, 0)).save(stream, "PDF")
    (page,) = decode(stream.getvalue(), POLICY)
    assert np.abs(page[50, 50].astype(int) - (255, 0, 0)).max() < 4


def test_rotated_pages() -> None:
    writer = blank(1)
    writer.pages[0].rotate(90)
    (page,) = decode(data_of(writer), MediaPolicy(pdf_dpi=100))
    assert page.shape == (200, 100, 3)


def test_filled_form_fields_are_drawn() -> None:
    field = (
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Filled) /Rect [20 20 120 50] /P 4 0 R "
        "/DA (/F1 14 Tf 0 g) /F 4 >>"
    )
    body = write_pdf((("Label",),)).decode("latin-1")
    body = body.replace("/Contents 5 0 R", f"/Contents 5 0 R /Annots [{field}]")
    body = body.replace(
        "/Pages 2 0 R", "/Pages 2 0 R /AcroForm << /Fields [] /DR << /Font << /F1 3 0 R >> >> /NeedAppearances true >>"
    )
    (page,) = decode(body.encode("latin-1"), MediaPolicy(pdf_dpi=72))
    assert page[842 - 50 : 842 - 20, 20:120].min() < 255  # pdfium repairs the table of offsets by itself


def test_a_header_may_follow_other_bytes() -> None:
    assert len(decode(b"\n" * 500 + data_of(blank(1)), POLICY)) == 1


def test_three_hundred_pages_are_too_many() -> None:
    with pytest.raises(InputTooLarge, match="300 pages; the limit is 50") as caught:
        decode(data_of(blank(300)), POLICY)
    assert caught.value.details == {"limit": 50, "actual": 300}


def test_page_size_is_checked_before_drawing() -> None:
    writer = blank(1)
    writer.add_blank_page(14_400, 14_400)
    with pytest.raises(InputTooLarge, match="page 2"):
        decode(data_of(writer), POLICY)
    with pytest.raises(InputTooLarge, match="in all"):
        decode(data_of(blank(10)), MediaPolicy(pdf_dpi=100, max_total_pixels=100_000))


def test_an_embedded_image_that_is_a_bomb() -> None:
    stream = BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PDF", resolution=10_000)  # 2 x 2 inches
    data = stream.getvalue()
    assert len(data) < 100_000
    with pytest.raises(InputTooLarge, match="20000 x 20000"):
        decode(data, POLICY)


def test_encrypted() -> None:
    writer = blank(1)
    writer.encrypt("secret", algorithm="RC4-128")
    with pytest.raises(UnsupportedMedia, match="encrypted"):
        decode(data_of(writer), POLICY)
    readable = blank(1)
    readable.encrypt(user_password="", owner_password="owner", algorithm="RC4-128")
    assert len(decode(data_of(readable), POLICY)) == 1


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"%PDF-1.4\ngarbage\n%%EOF", write_pdf((("x",),))[:200]])
def test_damaged(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        decode(data, POLICY)


def test_without_pages() -> None:
    with pytest.raises(UnsupportedMedia):
        decode(write_pdf(()), POLICY)


def test_many_threads_at_once() -> None:
    """pdfium crashes the process when two threads are in it."""
    documents = [write_pdf(tuple((f"document {number} page {page}",) for page in range(3))) for number in range(8)]
    policy = MediaPolicy(pdf_dpi=50)
    alone = [decode(document, policy) for document in documents]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda document: decode(document, policy), documents * 3))
    gc.collect()
    for pages, again in zip(alone * 3, together, strict=True):
        assert all(np.array_equal(page, other) for page, other in zip(pages, again, strict=True))


def test_our_own_writer_makes_valid_files() -> None:
    assert len(PdfReader(BytesIO(write_pdf((("a",), ("b",))))).pages) == 2
