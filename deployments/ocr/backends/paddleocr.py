"""PaddleOCR's own pipeline: for GPUs and the hub's models, and on the wheel-borne ONNX files, so that it is tried here.

It batches crops within one page only and is not thread-safe; `rapidocr_openvino.py` is faster on CPU.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deployments.ocr.backends import korean_model, opencv_distribution, paddle_folder, second_look
from deployments.ocr.languages import KOREAN, PP_OCR_V6
from deployments.ocr.page import Page
from deployments.ocr.types import PageText, TextBox
from deployments.serving import gpu_memory, weights
from deployments.serving.errors import BackendMissing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KOREAN_REPOSITORY = {
    "onnxruntime": korean_model.ONNX_REPOSITORY,
    "transformers": f"PaddlePaddle/{korean_model.KOREAN_MODEL}_safetensors",
    "paddle": f"PaddlePaddle/{korean_model.KOREAN_MODEL}",
}
"""Each engine reads its own file format: paddlex 3.7.2, `official_models.py`."""


@dataclass(frozen=True, slots=True)
class PaddleOcrOptions:
    kind: Literal["paddleocr"] = "paddleocr"
    engine: str = "onnxruntime"
    """`onnxruntime`, `transformers` (PyTorch) or `paddle` (needs PaddlePaddle)."""
    detection_model: str = "PP-OCRv6_small_det"
    recognition_model: str = "PP-OCRv6_small_rec"
    orientation_model: str = "PP-LCNet_x0_25_textline_ori"
    """Names as PaddleOCR writes them."""
    detection_source: str = "package:rapidocr/models"
    recognition_source: str = "package:rapidocr/models"
    """Weights sources: the wheel, or folders in PaddleOCR's own form, e.g. `PaddlePaddle/PP-OCRv6_medium_det_onnx`."""
    orientation_source: str | None = None
    """`PaddlePaddle/PP-LCNet_x0_25_textline_ori_onnx` or the like. Without it `use_angle_cls` reads doubtful pages a
    second time, upside down: PaddleOCR turns lines without a threshold, and the wheel's classifier is too weak for
    that."""
    recognition_batch: int = 6
    max_side: int = 2560
    """Pixels; larger pages are scaled down before detection."""


class PaddleOcr:
    """
    Raises:
        BackendMissing: PaddleOCR or its engine is not installed.
        WeightsMissing, WeightsCorrupt: see `weights.resolve`.
    """

    name = "paddleocr"

    def __init__(
        self,
        options: PaddleOcrOptions,
        *,
        device: str = "cpu",
        threads: int | None = None,
        cache_dir: str,
        korean_source: str | None = None,
    ) -> None:
        # Without this the import asks four model hosts whether they are up.
        os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
        opencv_distribution.answer_for_contrib()
        self._options = options
        folders = Path(cache_dir) / "paddleocr"
        self._detection = paddle_folder.detection(options.detection_source, options.detection_model, folders)
        recognition = paddle_folder.recognition(options.recognition_source, options.recognition_model, folders)
        self.version = paddle_folder.fingerprint(recognition)
        recognizers = {options.recognition_model: recognition}
        try:
            recognizers[korean_model.KOREAN_MODEL] = korean_model.find(
                korean_source, _KOREAN_REPOSITORY[options.engine]
            )
            self.korean_missing = ""
        except weights.WeightsMissing as error:
            self.korean_missing = error.message
        engine_config = _engine_config(options, device, threads, pipelines=len(recognizers))
        loaded = {name: self._pipeline(name, folder, device, engine_config) for name, folder in recognizers.items()}
        general = (options.recognition_model, loaded[options.recognition_model])
        self._pipelines: dict[str, tuple[str, Any]] = dict.fromkeys(PP_OCR_V6, general)
        if not self.korean_missing:
            self._pipelines[KOREAN] = (korean_model.KOREAN_MODEL, loaded[korean_model.KOREAN_MODEL])

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._pipelines)

    def model(self, language: str) -> str:
        return self._pipelines[language][0]

    def read(self, pages: Sequence[Page]) -> list[PageText]:
        return [self._read(page) for page in pages]

    def close(self) -> None:
        for pipeline in {id(pipeline): pipeline for _, pipeline in self._pipelines.values()}.values():
            pipeline.close()
        self._pipelines.clear()

    def _read(self, page: Page) -> PageText:
        classify = page.use_angle_cls and self._options.orientation_source is not None
        boxes = self._boxes(page.image, page.language, classify=classify)
        if page.use_angle_cls and not classify and any(second_look.is_doubtful(box.confidence) for box in boxes):
            turned = self._boxes(page.image[::-1, ::-1], page.language, classify=False)
            boxes = second_look.merge(boxes, turned, page.width, page.height)
        return PageText(tuple(boxes), page.width, page.height)

    def _boxes(self, image: NDArray[np.uint8], language: str, *, classify: bool) -> list[TextBox]:
        import numpy as np

        image, scale = _within(image, self._options.max_side)
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        (found,) = self._pipelines[language][1].predict(bgr, use_textline_orientation=classify)
        angles = found["textline_orientation_angles"] if classify and found["rec_texts"] else []
        boxes = []
        for index, (text, confidence, quad) in enumerate(
            zip(found["rec_texts"], found["rec_scores"], found["rec_polys"], strict=True)
        ):
            if text.strip():
                first, second, third, fourth = (np.asarray(quad, dtype=np.float64) * scale).tolist()
                corners = (tuple(first), tuple(second), tuple(third), tuple(fourth))
                rotation = 180 if angles and angles[index] == 1 else 0
                boxes.append(TextBox(text, float(confidence), corners, rotation=rotation))
        return boxes

    def _pipeline(self, name: str, recognition: Path, device: str, engine_config: dict[str, Any] | None) -> Any:
        try:
            import paddleocr
        except ImportError as error:
            raise BackendMissing(f"PaddleOCR cannot be imported ({error}); pip install paddleocr") from error
        options, orientation = self._options, self._options.orientation_source
        self.library = f"paddleocr {paddleocr.__version__} on {options.engine}"
        try:
            return paddleocr.PaddleOCR(
                engine=options.engine,
                engine_config=engine_config,
                device="gpu:0" if _on_gpu(device) else "cpu",
                text_detection_model_name=options.detection_model,
                text_detection_model_dir=str(self._detection),
                text_recognition_model_name=name,
                text_recognition_model_dir=str(recognition),
                text_recognition_batch_size=options.recognition_batch,
                textline_orientation_model_name=options.orientation_model if orientation else None,
                textline_orientation_model_dir=str(weights.resolve(orientation)) if orientation else None,
                use_textline_orientation=orientation is not None,
                use_doc_orientation_classify=False,
                use_doc_unwarping=False,
            )
        except (RuntimeError, ValueError) as error:  # an engine, its device or its form of the model is missing
            raise BackendMissing(f"PaddleOCR's engine {options.engine!r} does not start: {error}") from error


def _on_gpu(device: str) -> bool:
    return device.startswith(("cuda", "gpu"))


def _engine_config(
    options: PaddleOcrOptions, device: str, threads: int | None, *, pipelines: int
) -> dict[str, Any] | None:
    """What paddlex hands to the engine; on a GPU the engine is held to the replica's share of it."""
    config: dict[str, Any] = {}
    if options.engine == "onnxruntime":
        if threads:
            config["intra_op_num_threads"] = threads
        models = 2 if options.orientation_source is None else 3  # a pipeline has a session for each
        if _on_gpu(device):  # of the first provider, which is CUDA's
            # Pages and lines come in all sizes, and the default search would try every algorithm for each new one.
            search = {"cudnn_conv_algo_search": "HEURISTIC"}
            config["provider_options"] = {**search, **gpu_memory.onnxruntime_options(pipelines * models)}
    elif options.engine == "paddle" and _on_gpu(device):
        gpu_memory.cap_paddle()
    elif options.engine == "transformers" and _on_gpu(device):
        import torch

        gpu_memory.cap_torch(torch, "cuda:0")
    return config or None


def _within(image: NDArray[np.uint8], max_side: int) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """`image` with no side over `max_side`, and the original's pixels per pixel of it (x, y)."""
    import cv2

    height, width = image.shape[:2]
    if max(height, width) <= max_side:
        return image, (1.0, 1.0)
    scale = max_side / max(height, width)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    smaller = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA)
    return smaller, (width / new_width, height / new_height)
