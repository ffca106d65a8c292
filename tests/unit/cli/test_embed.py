"""`sensorium embed`: texts in arguments, files and on standard input; vectors and how alike they are."""

from __future__ import annotations

import json
import math
from pathlib import Path

from deployments.cli.vector_tables import cosines
from tests.unit.cli.conftest import Run


def test_arguments_files_and_standard_input_are_json_lines_in_order(run: Run, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("﻿서울\n\n  부산  \n", encoding="utf-8")
    ran = run("embed", "the ship is late", names, "-", stdin=b"from the pipe\n")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["text"] for row in rows] == ["the ship is late", "서울", "부산", "from the pipe"]
    assert [row.get("source") for row in rows] == [None, f"{names}:1", f"{names}:3", "-:1"]
    assert all(len(row["embedding"]) == row["dim"] == 8 for row in rows)
    assert math.isclose(sum(value**2 for value in rows[0]["embedding"]), 1, rel_tol=1e-5)
    assert (ran.status, ran.err) == (0, "")


def test_more_than_a_call_takes_and_those_that_are_refused_fail_alone(run: Run, tmp_path: Path) -> None:
    lines = [f"text {number}" for number in range(250)]
    lines[120], lines[130] = "x" * 1001, "y" * 2000
    file = tmp_path / "many.txt"
    file.write_text("\n".join(lines))
    ran = run("embed", file)
    assert [json.loads(line)["text"] for line in ran.out.splitlines()] == [line for line in lines if len(line) < 999]
    assert [line.split(" (")[0] for line in ran.err.splitlines()] == [
        f"sensorium: {file}:121: the text has 1001 characters, at most 1000 are allowed; split it",
        f"sensorium: {file}:131: the text has 2000 characters, at most 1000 are allowed; split it",
    ]
    assert ran.status == 1


def test_a_mistyped_file_is_no_text(run: Run, tmp_path: Path) -> None:
    ran = run("embed", "recipes.txt")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "sensorium: recipes.txt: no such file; with --text it is taken for a text\n"
    assert json.loads(run("embed", "--text", "recipes.txt").out)["text"] == "recipes.txt"
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    assert "not a text file in UTF-8" in run("embed", tmp_path / "b.txt").err
    assert "standard input: it is empty" in run("embed", "-").err
    assert "an empty text" in run("embed", "").err


def test_similarity(run: Run) -> None:
    alike = json.loads(run("embed", "--similarity", "same", "same", "other").out)
    assert alike["texts"] == ["same", "same", "other"]
    assert alike["similarity"][0][1] == 1
    assert alike["similarity"][0][2] < 1
    table = run("embed", "--similarity", "--table", "same", "same")
    assert " 1  same     ·  1.00" in table.out


def test_cosines_of_known_vectors() -> None:
    assert cosines([(1, 0), (0, 2), (3, 3), (0, 0)]) == [
        [1, 0, 0.707107, 0],
        [0, 1, 0.707107, 0],
        [0.707107, 0.707107, 1, 0],
        [0, 0, 0, 0],
    ]


def test_the_table_shows_tokens_and_first_numbers(run: Run) -> None:
    ran = run("embed", "--table", "hello")
    assert "first 4 numbers" in ran.out
    assert "1 vector · 8 dimensions" in ran.out
