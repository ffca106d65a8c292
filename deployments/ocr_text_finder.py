"""The OCR service as the container-number service's `TextFinder`: the one place that knows both services' types."""

from __future__ import annotations

from deployments.container_number.found_text import FoundText, TextFinding
from deployments.ocr.types import OcrOptions, OcrRequest, OcrResult
from deployments.serving.engine import Runner
from deployments.serving.media import InlineMedia

_OPTIONS = OcrOptions(language="en", confidence_threshold=0.3)
"""A number's characters are Latin. Doubtful pieces are wanted, too: whether they fit, the check digit tells."""


class OcrTextFinder:
    """Implements `deployments.container_number.found_text.TextFinder`.

    Args:
        runner: OCR's engine here, or a `deployments.serving.peers.PeerRunner` to its application.
    """

    def __init__(self, runner: Runner[OcrRequest, OcrResult]) -> None:
        self._runner = runner

    async def find(self, data: bytes) -> TextFinding:
        result = await self._runner.run(OcrRequest(InlineMedia(data), _OPTIONS))
        texts = tuple(
            FoundText(box.text, box.confidence, box.bbox, box.page, box.rotation) for box in result.text_boxes
        )
        return TextFinding(texts, result.pages, result.model)
