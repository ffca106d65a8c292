"""Sources of bulk jobs: every entry is an input with a stable id, bad ones included."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployments.serving.bulk_sources import open_source
from deployments.serving.errors import AccessDenied, InvalidInput, NotFound

ODD = "a b.png", "서울 거리.png", "two\nlines.png"


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def test_a_folder_gives_every_file_below_it_once_and_in_one_order(tmp_path: Path) -> None:
    _touch(tmp_path, *ODD, "deep/er/c.png", ".hidden", ".git/x")
    source = open_source(str(tmp_path), "path")
    paths = [item.path for item in source.inputs()]
    assert sorted(paths) == sorted(str(tmp_path / name) for name in (*ODD, "deep/er/c.png"))
    assert paths == [item.input_id for item in source.inputs()]


def test_a_name_that_is_no_utf8_is_an_input_with_a_problem(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))).write_bytes(b"x")
    (item,) = open_source(str(tmp_path), "path").inputs()
    assert item.problem is not None
    assert item.path.endswith("\\xff.png")


def test_a_pattern(tmp_path: Path) -> None:
    _touch(tmp_path, "a.png", "b.txt", "deep/c.png")
    source = open_source(f"{tmp_path}/**/*.png", "path")
    assert [Path(item.path).name for item in source.inputs()] == ["a.png", "c.png"]
    assert source.roots == (str(tmp_path),)


@contextmanager
def _without_roots_rights() -> Iterator[None]:
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that others than root may enter, which pytest's own they may not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("name", ["scans", "table.csv"])
def test_what_may_not_be_read_is_refused(folder: Path, name: str) -> None:
    _touch(folder, "scans/a.png", "table.csv")
    (folder / name).chmod(0)
    with _without_roots_rights(), pytest.raises(AccessDenied, match="permissions"):
        open_source(str(folder / name), "path")


def test_a_folder_inside_that_may_not_be_read_is_a_failed_input(folder: Path) -> None:
    _touch(folder, "a.png", "secret/b.png")
    (folder / "secret").chmod(0)
    with _without_roots_rights():
        good, bad = open_source(str(folder), "path").inputs()
    assert good.problem is None
    assert bad.path == str(folder / "secret")
    assert "Permission denied" in str(bad.problem)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_source(str(tmp_path / "none"), "path")


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0"])
def test_a_list_of_paths(tmp_path: Path, separator: str) -> None:
    names = [name for name in ODD if separator == "\0" or "\n" not in name]
    file = tmp_path / "list.txt"
    file.write_bytes(separator.join([*names, "/elsewhere/d.png", ""]).encode())
    items = list(open_source(str(file), "path").inputs())
    assert [item.path for item in items] == [*(str(tmp_path / name) for name in names), "/elsewhere/d.png"]
    assert [item.input_id for item in items] == [f"{file}#{number}" for number in range(len(items))]


def test_json_lines_with_bad_lines_keep_their_row_numbers(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    lines = [json.dumps({"text": "안녕\nhello"}), "no json", '{"other": 1}', '{"text": 7}', '{"text": "\\ud800"}']
    file.write_text("\n".join([*lines, json.dumps({"text": "last"})]))
    items = list(open_source(str(file), "text").inputs())
    assert [item.text for item in items] == ["안녕\nhello", None, None, None, None, "last"]
    assert [item.problem is not None for item in items] == [False, True, True, True, True, False]
    assert [item.row for item in items] == list(range(6))


def test_csv_with_newlines_in_cells_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes('\ufeffid,body\n1,"two\nlines"\n2,\n3\n'.encode())
    assert [item.text for item in open_source(str(file), "text", "body").inputs()] == ["two\nlines", "", None]


def test_parquet_column(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    file = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"path": ["a.png", None]}), file)
    first, second = open_source(str(file), "path").inputs()
    assert first.path == str(tmp_path / "a.png")
    assert second.problem is not None


def test_a_missing_column_names_those_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,body\n")
    with pytest.raises(InvalidInput, match="id, body"):
        list(open_source(str(file), "text").inputs())


def test_a_changed_table_has_another_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_text("one\n")
    before = open_source(str(file), "text").fingerprint
    file.write_text("two\n")
    assert open_source(str(file), "text").fingerprint != before
