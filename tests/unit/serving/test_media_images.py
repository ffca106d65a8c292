"""Every kind of image becomes upright RGB; whatever lies about itself gets a typed error before it takes memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deployments.serving.errors import InputTooLarge, UnsupportedMedia
from deployments.serving.images import count_pages, decode
from deployments.serving.media import MediaPolicy

POLICY = MediaPolicy()
RED, GREEN, WHITE, BLACK = (255, 0, 0), (0, 128, 0), (255, 255, 255), (0, 0, 0)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def halves(mode: str = "RGB", left: Any = RED, right: Any = GREEN) -> Image.Image:
    """40 x 20: the left half in one colour, the right half in another."""
    image = Image.new(mode, (40, 20), right)
    image.paste(left, (0, 0, 20, 20))
    return image


def corners(data: bytes, policy: MediaPolicy = POLICY) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Colours well inside the left and the right half of the only page."""
    (page,) = decode(data, policy)
    assert page.dtype == np.uint8
    assert page.ndim == 3
    assert page.shape[2] == 3
    return tuple(page[10, 5].tolist()), tuple(page[10, -5].tolist())


def near(found: tuple[tuple[int, ...], ...], wanted: tuple[tuple[int, ...], ...], by: int = 6) -> bool:
    return bool(np.abs(np.array(found) - np.array(wanted)).max() <= by)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("WEBP", {"lossless": True}), ("BMP", {})]
    + [("TIFF", {"compression": name}) for name in (None, "tiff_lzw", "tiff_deflate", "packbits")],
)
def test_formats(kind: str, options: dict[str, Any]) -> None:
    assert near(corners(encode(halves(), kind, **options)), (RED, GREEN))


@pytest.mark.parametrize(
    ("image", "kind", "wanted"),
    [
        (halves("L", 0, 200), "PNG", (BLACK, (200, 200, 200))),
        (halves("1", 0, 1), "PNG", (BLACK, WHITE)),
        (halves("1", 0, 1), "TIFF", (BLACK, WHITE)),
        (halves("P", 0, 1), "PNG", None),
        (halves("CMYK", (0, 255, 255, 0), (0, 0, 0, 0)), "TIFF", (RED, WHITE)),
        (halves("CMYK", (0, 255, 255, 0), (0, 0, 0, 0)), "JPEG", (RED, WHITE)),
        (halves("I;16", 0, 65535), "PNG", (BLACK, WHITE)),
        (halves("I;16", 0, 32768), "TIFF", (BLACK, (128, 128, 128))),
        (halves("I", 0, 100_000), "TIFF", (BLACK, WHITE)),
        (halves("F", 0.0, 1.0), "TIFF", (BLACK, WHITE)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_pixel_modes(image: Image.Image, kind: str, wanted: tuple[tuple[int, ...], tuple[int, ...]] | None) -> None:
    if wanted is None:  # a palette image
        image.putpalette([*RED, *GREEN])
        wanted = (RED, GREEN)
    assert near(corners(encode(image, kind)), wanted, by=12)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_on_white(kind: str) -> None:
    image = halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0))
    options = {"lossless": True} if kind == "WEBP" else {}
    assert corners(encode(image, kind, **options)) == (RED, WHITE)


def test_half_transparent_and_grey_with_alpha() -> None:
    assert near(corners(encode(halves("RGBA", (0, 0, 0, 128), (0, 0, 0, 255)), "PNG")), ((127, 127, 127), BLACK), 2)
    assert corners(encode(halves("LA", (0, 0), (0, 255)), "PNG")) == (WHITE, BLACK)


def test_a_transparent_palette_entry() -> None:
    image = halves("P", 0, 1)
    image.putpalette([*RED, *BLACK])
    assert corners(encode(image, "PNG", transparency=1)) == (RED, WHITE)
    assert corners(encode(image, "PNG", transparency=b"\xff\x00")) == (RED, WHITE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    # What the camera stored, so that turning by the tag gives red left, green right: EXIF 2.32, table 6.
    turns = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    turn = turns[orientation]
    image = halves() if turn is None else halves().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
        data = encode(image, kind, exif=exif, **options)
        (page,) = decode(data, POLICY)
        assert page.shape == (20, 40, 3), kind
        assert near(corners(data), (RED, GREEN), 20), kind


def test_an_unreadable_exif_block_is_no_reason_to_refuse_an_image() -> None:
    data = encode(halves(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage")
    assert near(corners(data), (RED, GREEN))


def test_some_pages_of_a_tiff_that_is_too_long_as_a_whole() -> None:
    others = [Image.new("L", (width, 10), 7) for width in range(31, 36)]
    data, policy = encode(halves(), "TIFF", save_all=True, append_images=others), MediaPolicy(max_pages=2)
    assert count_pages(data, policy) == 6
    assert [page.shape[1] for page in decode(data, policy, range(2, 4))] == [32, 33]
    assert [page.shape[1] for page in decode(data, policy, range(4, 8))] == [34, 35]
    assert count_pages(encode(halves(), "PNG"), policy) == 1


def test_every_page_of_a_tiff() -> None:
    data = encode(halves(), "TIFF", save_all=True, append_images=[Image.new("L", (30, 10), 7), halves()])
    assert [page.shape for page in decode(data, POLICY)] == [(20, 40, 3), (10, 30, 3), (20, 40, 3)]


def test_a_thumbnail_inside_a_tiff_is_not_a_page() -> None:
    data = bytearray(encode(halves(), "TIFF", save_all=True, append_images=[halves().reduce(4)], tiffinfo={254: 0}))
    second = struct.unpack_from("<I", data, directory_end(data, struct.unpack_from("<I", data, 4)[0]))[0]
    struct.pack_into("<HHII", data, second + 2, 254, 4, 1, 1)  # NewSubfileType: a reduced image
    assert [page.shape for page in decode(bytes(data), POLICY)] == [(20, 40, 3)]


def directory_end(data: bytearray, offset: int) -> int:
    """Where a TIFF directory names the next: TIFF 6.0, section 2."""
    return offset + 2 + 12 * int(struct.unpack_from("<H", data, offset)[0])


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_only_the_first_frame_of_an_animation(kind: str) -> None:
    data = encode(halves(), kind, save_all=True, append_images=[Image.new("RGB", (40, 20))], lossless=True, duration=50)
    assert corners(data) == (RED, GREEN)


def test_one_pixel() -> None:
    (page,) = decode(encode(Image.new("RGB", (1, 1), RED), "PNG"), POLICY)
    assert page.tolist() == [[list(RED)]]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_truncated_files(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 120, 3), dtype=np.uint8))
    data = encode(noise, kind)
    for part in (0.5, 0.9, 0.999):
        with pytest.raises(UnsupportedMedia):
            decode(data[: int(len(data) * part)], POLICY)


@pytest.mark.parametrize(
    "data",
    [
        b"hello", b"<html></html>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"II*\0", b"BM",
        b"GIF89a\x01\0\x01\0\0\0\0;", b"PK\x03\x04", b"\0" * 100, b"<svg/>",
    ],
)  # fmt: skip
def test_what_is_not_an_image(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        decode(data, POLICY)


def test_flipped_bytes_give_pages_or_typed_errors() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8))
    chance = np.random.default_rng(1)
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF"):
        data = encode(noise, kind)
        for _ in range(60):
            broken = bytearray(data)
            for place in chance.integers(0, len(data), 3):
                broken[place] = int(chance.integers(0, 256))
            try:
                pages = decode(bytes(broken), MediaPolicy(max_pixels=100_000))
            except (UnsupportedMedia, InputTooLarge):
                continue
            assert pages
            assert all(page.ndim == 3 and page.dtype == np.uint8 for page in pages)


def png_claiming(width: int, height: int) -> bytes:
    """A small valid PNG whose header claims a size: PNG specification, 11.2.2 (IHDR)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(50_000, 50_000), (10_000, 8_000), (14_000, 7_000), (1, 2**31 - 1)])
def test_decompression_bombs_are_refused_from_the_header(size: tuple[int, int]) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputTooLarge):
            decode(png_claiming(*size), POLICY)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_header_that_promises_more_than_the_data_holds() -> None:
    with pytest.raises(UnsupportedMedia):
        decode(png_claiming(500, 500), POLICY)


def test_a_small_file_of_many_real_pixels() -> None:
    data = encode(Image.new("1", (20_000, 20_000)), "PNG", optimize=True)
    assert len(data) < 100_000
    with pytest.raises(InputTooLarge, match="limit is 50,000,000") as caught:
        decode(data, POLICY)
    assert caught.value.details["limit"] == 50_000_000


def test_pixels_of_one_page_and_of_all() -> None:
    data = encode(halves(), "TIFF", save_all=True, append_images=[halves()] * 3)
    assert len(decode(data, MediaPolicy(max_pixels=800, max_total_pixels=3200))) == 4
    with pytest.raises(InputTooLarge, match="page 1"):
        decode(data, MediaPolicy(max_pixels=799))
    with pytest.raises(InputTooLarge, match="in all"):
        decode(data, MediaPolicy(max_total_pixels=3199))
    with pytest.raises(InputTooLarge, match="more than 3 pages"):
        decode(data, MediaPolicy(max_pages=3))


def test_a_tiff_whose_directories_form_a_ring() -> None:
    data = bytearray(encode(halves(), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    struct.pack_into("<I", data, directory_end(data, first), first)
    try:
        pages = decode(bytes(data), MediaPolicy(max_pages=5))
    except (UnsupportedMedia, InputTooLarge):
        return
    assert len(pages) <= 5
