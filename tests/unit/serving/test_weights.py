"""Where weights come from, and that what packages carry is what was pinned."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.serving import weights
from deployments.serving.weights import WeightsCorrupt, WeightsMissing


@pytest.mark.parametrize("package", sorted(weights.EMBEDDED))
def test_every_pinned_file_is_there_and_is_the_one_pinned(package: str) -> None:
    root = weights.package_folder(package)
    for name, expected in weights.EMBEDDED[package].items():
        weights.check(root / name, expected)


def test_a_package_folder_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "boobytrapped"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert weights.resolve("package:boobytrapped/model") == package / "model"


def test_a_changed_embedded_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tampered_weights"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model" / "a.bin").write_bytes(b"not what was pinned")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(weights.EMBEDDED, "tampered_weights", {"model/a.bin": "0" * 64})
    with pytest.raises(WeightsCorrupt, match="will not be loaded"):
        weights.resolve("package:tampered_weights/model")
    (package / "model" / "a.bin").unlink()
    with pytest.raises(WeightsMissing, match="reinstall"):
        weights.resolve("package:tampered_weights/model")


def test_a_local_folder(tmp_path: Path) -> None:
    assert weights.resolve(str(tmp_path)) == tmp_path
    with pytest.raises(WeightsMissing, match="no model folder"):
        weights.resolve(str(tmp_path / "gone"))
    with pytest.raises(WeightsMissing, match="not installed"):
        weights.resolve("package:no_such_package_here/model")
    with pytest.raises(WeightsMissing, match="has no folder"):
        weights.resolve("package:rapidocr/gone")


def test_a_repository_in_the_local_cache_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    commit = "1" * 40
    repository = tmp_path / "models--acme--tiny"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert weights.resolve("acme/tiny") == snapshot
    assert weights.resolve(f"acme/tiny@{commit}") == snapshot
    with pytest.raises(WeightsMissing, match="hf download"):
        weights.resolve("acme/absent")


def test_the_fingerprint_names_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_bytes(b"abc")
    assert weights.fingerprint(file) == "sha256:ba7816bf8f01"
