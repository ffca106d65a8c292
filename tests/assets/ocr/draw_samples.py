"""Draws the OCR samples in `samples/`: `python -m tests.assets.ocr.draw_samples`.

Fonts: DejaVu and Nanum (Debian: fonts-dejavu-core, fonts-nanum). The PDF uses Helvetica, which no PDF need carry.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SAMPLES = Path(__file__).parents[3] / "samples"
_DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
_NANUM = "/usr/share/fonts/truetype/nanum/NanumGothic.ttf"

RECEIPT = (
    "HARBOR CAFE",
    "12 Market Street",
    "Date 2026-11-21 14:32",
    "2 Coffee 9.00",
    "1 Sandwich 7.50",
    "1 Orange juice 4.25",
    "Total 20.75",
    "Thank you for your visit",
)
INVOICE = (
    "INVOICE 2026-0417",
    "Bill to: Northern Freight Ltd",
    "Container handling, 3 units: EUR 450.00",
    "Storage, 12 days: EUR 180.00",
    "Customs inspection: EUR 95.00",
    "Sum of the items above: EUR 725.00",
    "Sales tax at ten percent: EUR 72.50",
    "Total amount due: EUR 797.50",
    "Please pay within 30 days",
)
LETTER = (
    (
        "Dear Customer,",
        "your shipment arrived at the terminal this morning",
        "and is ready for inspection at gate seven.",
        "Please bring the delivery order and a valid passport.",
    ),
    (
        "The office is open from 8 to 17 hours.",
        "We look forward to your visit.",
        "Kind regards,",
        "Terminal Operations",
    ),
)
KOREAN = (
    "서울 커피 상점",
    "아메리카노 2잔 9,000원",
    "카페라떼 1잔 5,500원",
    "합계 14,500원",
    "감사합니다",
)


def draw_lines(lines: tuple[str, ...], font: str, size: int, width: int) -> Image.Image:
    """Dark lines on white, one under the other, 2 x `size` apart."""
    image = Image.new("RGB", (width, size * (2 * len(lines) + 2)), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((2 * size, size * (1.5 + 2 * number)), line, font=ImageFont.truetype(font, size), fill=(25, 25, 25))
    return image


def write_pdf(pages: tuple[tuple[str, ...], ...]) -> bytes:
    """A PDF 1.4 of A4 pages with lines of 14-point Helvetica (ISO 32000-1, clause 7.5)."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        text = " T* ".join(f"({line}) Tj" for line in lines)
        content = f"BT /F1 14 Tf 30 TL 72 760 Td {text} ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    body = b"%PDF-1.4\n"
    offsets = []
    for number, item in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{item}\nendobj\n".encode("ascii")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + head.encode() + tail.encode()


def main() -> None:
    SAMPLES.mkdir(exist_ok=True)
    draw_lines(RECEIPT, _DEJAVU, 28, 560).save(SAMPLES / "receipt.png", optimize=True)
    draw_lines(INVOICE, _DEJAVU, 26, 720).save(SAMPLES / "invoice.jpg", quality=80)
    draw_lines(KOREAN, _NANUM, 32, 560).save(SAMPLES / "korean.png", optimize=True)
    (SAMPLES / "letter.pdf").write_bytes(write_pdf(LETTER))


if __name__ == "__main__":
    main()
