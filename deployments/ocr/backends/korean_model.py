"""Finding `korean_PP-OCRv5_mobile_rec`: PP-OCRv6 has no Korean, so Korean needs this recogniser (or Tesseract)."""

from __future__ import annotations

from pathlib import Path

from deployments.serving import weights

KOREAN_MODEL = "korean_PP-OCRv5_mobile_rec"
ONNX_REPOSITORY = f"PaddlePaddle/{KOREAN_MODEL}_onnx"
"""Name of the ONNX form on the hub: `_format_download_model_name` in paddlex 3.7.2."""


def find(source: str | None, repository: str = ONNX_REPOSITORY) -> Path:
    """The recogniser's folder.

    Args:
        source: a weights source from the YAML. None looks for `repository` in the local hub cache
            only, and downloads nothing.

    Raises:
        WeightsMissing: it is not there.
    """
    if source is not None:
        return weights.resolve(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise weights.WeightsMissing(
            f"{KOREAN_MODEL} is not in the hub cache: `hf download {repository}`, or set `korean_model` to a folder",
            source=repository,
        ) from error
