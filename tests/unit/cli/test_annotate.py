"""`sensorium ocr --annotate`: where it draws, with which letters, and what it says when it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from deployments.annotation.drawing import draw
from deployments.annotation.fonts import Fonts
from deployments.annotation.pages import open_pages
from deployments.client.ocr_replies import TextBox
from tests.unit.cli.conftest import ROOT, SAMPLES, Run
from tests.unit.client.real_server import RealServer

HANGUL = "서울 커피 상점"
WITHOUT_HANGUL = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def box(text: str, *corners: tuple[float, float], page: int = 0) -> TextBox:
    return TextBox(text, 0.9, corners, page)


@pytest.fixture
def readable(server: RealServer) -> Path:
    """A picture that the fake OCR reads as `HANGUL` in x 1..30, y 2..9 of its first page, 640 x 480."""
    server.ocr.text = HANGUL
    return SAMPLES / "receipt.png"


def korean_fonts() -> Fonts:
    fonts = Fonts()
    fonts.font(HANGUL, 20)
    if fonts.missing:
        pytest.skip("no font with Hangul on this machine (fonts-nanum)")
    return fonts


def test_boxes_stand_where_the_service_says_and_the_text_beside_them() -> None:
    page = Image.new("RGB", (200, 300), "white")
    picture = draw(page, [box("Hello", (20, 40), (120, 40), (120, 70), (20, 70))], Fonts())
    assert picture.size == (2 * 200 + 12, 300)
    assert picture.getpixel((20, 55)) != (255, 255, 255)  # the outline
    assert picture.getpixel((60, 55)) not in ((255, 255, 255), picture.getpixel((20, 55)))  # the tint inside
    assert picture.getpixel((125, 75)) == (255, 255, 255)
    right = picture.crop((212, 0, 412, 300))
    ink = right.convert("L").point(lambda value: 255 if value < 128 else 0).getbbox()
    assert ink is not None
    assert ink[0] >= 15
    assert ink[1] >= 35
    assert ink[2] <= 125
    assert ink[3] <= 75


def test_a_wide_page_is_above_its_text() -> None:
    assert draw(Image.new("RGB", (400, 100)), [], Fonts()).size == (400, 212)


def test_turned_and_upright_boxes_keep_their_text() -> None:
    page = Image.new("RGB", (300, 300), "white")
    turned = box("turned", (50, 50), (150, 100), (140, 120), (40, 70))
    column = box("TEMU607934", (250, 10), (270, 10), (270, 210), (250, 210))
    right = draw(page, [turned, column], Fonts()).crop((312, 0, 612, 300)).convert("L")
    dark = right.point(lambda value: 255 if value < 140 else 0)
    assert dark.crop((40, 50, 150, 120)).getbbox() is not None
    x0, y0, x1, y1 = dark.crop((235, 0, 285, 230)).getbbox() or (0, 0, 0, 0)
    assert y1 - y0 > 6 * (x1 - x0)  # letters one below the other


def test_korean_is_drawn_with_hangul_and_not_with_empty_boxes() -> None:
    fonts = korean_fonts()
    font = fonts.font(HANGUL, 40)
    shapes = {character: bytes(font.getmask(character)) for character in HANGUL if character != " "}
    assert len(set(shapes.values())) == len(shapes)
    assert not fonts.missing


def test_a_font_without_the_letters_gives_way_to_one_with_them() -> None:
    if not WITHOUT_HANGUL.exists():
        pytest.skip("DejaVu Sans is not installed")
    korean_fonts()
    fonts = Fonts(WITHOUT_HANGUL)
    assert fonts.font("plain", 20).path == str(WITHOUT_HANGUL)
    assert fonts.font(HANGUL, 20).path != str(WITHOUT_HANGUL)
    assert not fonts.missing


def test_where_no_font_has_the_letters_it_says_so(
    run: Run, readable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.annotation.fonts._known_fonts", lambda: ())
    monkeypatch.setattr("deployments.annotation.fonts._fontconfig_fonts", lambda character: iter(()))
    ran = run("ocr", readable, "--annotate", tmp_path / "out.png")
    assert ran.status == 0
    assert "no font here has 상 서 울 점 커 피: name one with --font" in ran.err
    assert "fonts-nanum" in ran.err


def test_pages_get_numbers_and_stdout_stays_data(run: Run, readable: Path, tmp_path: Path) -> None:
    tiff = tmp_path / "two.tiff"
    Image.new("RGB", (640, 480), "white").save(
        tiff, save_all=True, append_images=[Image.new("RGB", (320, 240), "white")]
    )
    ran = run("ocr", tiff, "--annotate", tmp_path / "out.png")
    for name, size in (("out-1.png", (640, 2 * 480 + 12)), ("out-2.png", (320, 2 * 240 + 12))):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == size
    assert len(ran.out.splitlines()) == 1
    assert ran.err.splitlines() == [f"wrote {tmp_path}/out-{page}.png (1 boxes)" for page in (1, 2)]


def test_several_files_go_to_a_folder_and_equal_names_do_not_collide(run: Run, readable: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (64, 48), "white").save(tmp_path / name / "scan.png")
    folder = tmp_path / "new" / "out"
    ran = run("ocr", tmp_path / "a", tmp_path / "b", "--annotate", folder)
    assert ran.status == 0
    assert sorted(file.name for file in folder.iterdir()) == ["scan.png", "scan~2.png"]


def test_pages_are_upright_and_in_the_services_pixels(tmp_path: Path) -> None:
    lying = Image.new("RGB", (40, 20), "white")
    ImageDraw.Draw(lying).rectangle((0, 0, 9, 19), fill="red")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    lying.save(tmp_path / "a.png", exif=exif)
    [page] = open_pages(tmp_path / "a.png", [(40, 80)])
    assert page.size == (40, 80)
    assert page.getpixel((20, 5)) == (255, 0, 0)
    assert page.getpixel((20, 70)) == (255, 255, 255)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "glass.png")
    assert open_pages(tmp_path / "glass.png", [(8, 8)])[0].getpixel((4, 4)) == (255, 255, 255)


def test_a_pdf_is_drawn_page_by_page() -> None:
    pages = open_pages(SAMPLES / "letter.pdf", [(827, 1169), (827, 1169)])
    assert [page.size for page in pages] == [(827, 1169)] * 2
    assert all(min(page.convert("L").tobytes()) < 50 for page in pages)  # there is ink


def test_real_korean_words_stand_in_their_boxes() -> None:
    """The drawn sample again: its words, set by us, cover the ink of the original by and large."""
    fonts = korean_fonts()
    [page] = open_pages(SAMPLES / "korean.png", [(560, 384)])
    line = box("감사합니다", (66, 309), (214, 309), (214, 339), (66, 339))
    text = draw(page, [line], fonts).crop((0, page.height + 12, page.width, 2 * page.height + 12)).convert("L")
    x0, y0, x1, y1 = text.point(lambda value: 255 if value < 150 else 0).getbbox() or (0, 0, 0, 0)
    assert abs(x0 - 66) < 6
    assert abs(x1 - 214) < 12
    assert 300 < y0 < y1 < 346


@pytest.mark.parametrize(
    ("target", "words"),
    [("out.xyz", "must end in .png, .jpg or .webp"), ("none/out.png", "there is no folder")],
)
def test_what_is_wrong_is_said_before_reading(
    run: Run, readable: Path, tmp_path: Path, target: str, words: str, server: RealServer
) -> None:
    before = len(server.ocr.requests)
    ran = run("ocr", readable, "--annotate", tmp_path / target)
    assert (ran.status, ran.out, words in ran.err) == (2, "", True)
    several = run("ocr", readable, SAMPLES / "invoice.jpg", "--annotate", tmp_path / "one.png")
    assert (several.status, "name a folder" in several.err) == (2, True)
    font = run("ocr", readable, "--annotate", tmp_path / "o.png", "--font", ROOT / "README.md")
    assert (font.status, "not a font that can be read" in font.err) == (2, True)
    assert len(server.ocr.requests) == before


def test_without_pillow_it_is_one_line(readable: Path, server: RealServer) -> None:
    code = "import sys; sys.modules['PIL.Image'] = None; from deployments.cli.program import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code, "ocr", str(readable), "--annotate", "x.png"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "sensorium: --annotate draws with Pillow, which is not installed: pip install pillow\n"


def test_the_font_check_finds_what_a_font_lacks() -> None:
    if not WITHOUT_HANGUL.exists():
        pytest.skip("DejaVu Sans is not installed")
    from deployments.annotation.fonts import _lacking

    assert _lacking(str(WITHOUT_HANGUL), set("abcé서울")) == {"서", "울"}
    assert isinstance(ImageFont.truetype(str(WITHOUT_HANGUL), 12), ImageFont.FreeTypeFont)
