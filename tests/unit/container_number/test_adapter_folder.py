"""Adapters come, change and go while the service runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.serving.errors import InvalidInput, NotFound

BASE_HASH = "a" * 64


def folder_of(root: Path) -> AdapterFolder:
    return AdapterFolder(root, BASE_HASH, "nano-florence")


def put(root: Path, name: str, base_hash: str | None = BASE_HASH, inner: str = "") -> Path:
    """An adapter's files, without real weights."""
    place = root / name / inner
    place.mkdir(parents=True)
    (place / "adapter_config.json").write_text("{}")
    (place / "adapter_model.safetensors").write_bytes(b"weights")
    (place / "manifest.json").write_text(json.dumps({"base": {"weights_sha256": base_hash, "source": "other/base"}}))
    return place


def test_a_folder_that_is_not_there_has_only_the_base(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "none")
    assert folder.adapters() == {}
    assert folder.choose("base") is None


def test_new_changed_and_removed_adapters_are_seen(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    assert folder.adapters() == {}
    put(tmp_path, "gate")
    put(tmp_path, "crane", inner="adapter")  # as fine-tuning writes it
    (tmp_path / "unfinished").mkdir()
    assert set(folder.adapters()) == {"gate", "crane"}
    before = folder.choose("gate")
    (tmp_path / "gate" / "adapter_model.safetensors").write_bytes(b"other weights")
    after = folder.choose("gate")
    assert before is not None
    assert after is not None
    assert after.version > before.version
    shutil.rmtree(tmp_path / "gate")
    assert set(folder.adapters()) == {"crane"}


def test_nothing_is_read_again_while_nothing_changes(tmp_path: Path) -> None:
    put(tmp_path, "gate")
    folder = folder_of(tmp_path)
    assert folder.adapters() is folder.adapters()


def test_unknown_adapter_names_those_that_can_be_used(tmp_path: Path) -> None:
    put(tmp_path, "gate")
    put(tmp_path, "foreign", base_hash="b" * 64)
    with pytest.raises(NotFound) as refused:
        folder_of(tmp_path).choose("gone")
    assert refused.value.details["available"] == ["base", "gate"]
    assert "gate" in refused.value.message


def test_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "foreign", base_hash="b" * 64)
    with pytest.raises(InvalidInput, match="made for other/base") as refused:
        folder_of(tmp_path).choose("foreign")
    assert refused.value.code == "invalid_input"


def test_adapter_that_names_no_base_is_tried(tmp_path: Path) -> None:
    put(tmp_path, "unnamed", base_hash=None)
    assert folder_of(tmp_path).choose("unnamed") is not None


def test_folder_named_base_is_no_adapter(tmp_path: Path) -> None:
    put(tmp_path, "base")
    folder = folder_of(tmp_path)
    assert folder.choose("base") is None
    assert folder.adapters() == {}


def test_manifest_that_is_half_written_keeps_what_was_seen(tmp_path: Path) -> None:
    put(tmp_path, "gate")
    folder = folder_of(tmp_path)
    assert set(folder.adapters()) == {"gate"}
    manifest = put(tmp_path, "new") / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[:10])
    assert "gate" in folder.adapters()
    manifest.write_text(whole)
    assert set(folder.adapters()) == {"gate", "new"}


def test_name_that_would_leave_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "gate")
    with pytest.raises(NotFound):
        folder_of(tmp_path / "adapters").choose("../gate")
