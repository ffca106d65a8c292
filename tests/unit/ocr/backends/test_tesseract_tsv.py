from __future__ import annotations

from deployments.ocr.backends.tesseract_tsv import lines

HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"


def word(line: int, left: int, width: int, confidence: float, text: str) -> str:
    return f"5\t1\t1\t1\t{line}\t1\t{left}\t10\t{width}\t20\t{confidence}\t{text}\n"


def test_words_become_lines_with_the_texts_own_spaces() -> None:
    output = HEAD + "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n" + word(1, 10, 20, 90, "감") + word(1, 40, 50, 60, "사합")
    (box,) = lines(output + "감사합\n\n")
    assert box.text == "감사합"
    assert box.bbox == ((10.0, 10.0), (90.0, 10.0), (90.0, 30.0), (10.0, 30.0))
    assert abs(box.confidence - (0.9 + 2 * 0.6) / 3) < 1e-9


def test_where_the_text_does_not_fit_words_are_joined() -> None:
    output = HEAD + word(1, 0, 5, 90, "one") + word(1, 9, 5, 90, "two") + word(2, 0, 5, 90, "three") + "other\nthree\n"
    assert [box.text for box in lines(output)] == ["one two", "three"]


def test_empty_words_and_no_output() -> None:
    assert lines(HEAD + word(1, 0, 5, 95, " ") + " \n\f") == []
    assert lines("") == []
