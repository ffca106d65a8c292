"""The old OCR client's name, in front of the new one: the wire's own dictionaries in and out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from deployments.client.async_sensorium import AsyncSensorium
from deployments.client.call import CALL_S, IMAGE_S, Call
from deployments.client.retries import RetryPolicy


class BentoMLClient:
    """The OCR service by its two wire calls. New code has `AsyncSensorium`, with uploads and typed results.

    Args:
        base_url: of the OCR service, `http://host:8000/ocr`, or of the server.
    """

    def __init__(self, base_url: str, api_key: str | None = None, *, retries: RetryPolicy | None = None) -> None:
        server = base_url.rstrip("/").removesuffix("/ocr")
        self._client = AsyncSensorium(server, api_key, retries=retries)

    async def extract_text(self, request_data: Mapping[str, Any]) -> dict[str, Any]:
        """Read one image; time-out 30 s.

        Args:
            request_data: `private_img`, and `language`, `confidence_threshold`, `use_angle_cls` where they are not
                the defaults.

        Returns:
            The reply as it came: `text_boxes` and more.

        Raises:
            ValueError: 4xx, at once, as a RejectedRequest.
            RetryableError: no attempt succeeded.
        """
        return await self._post("/ocr/extract_text", _keyed(request_data), CALL_S)

    async def extract_text_batch(self, request_data: Mapping[str, Any], private_imgs: Sequence[str]) -> dict[str, Any]:
        """Read several images; time-out 30 s, and 10 s more an image. Errors as of `extract_text`.

        Returns:
            The reply as it came: `results` in order, each with `status`, and the totals.
        """
        if isinstance(private_imgs, str):
            raise ValueError("private_imgs is one string; give a list")
        body = {"request_data": _keyed(request_data), "private_imgs": list(private_imgs)}
        return await self._post("/ocr/extract_text_batch", body, CALL_S + IMAGE_S * len(private_imgs))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _post(self, path: str, body: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        return await self._client.send(Call("POST", path, _object, timeout_s, json=body))


def _keyed(request_data: Mapping[str, Any]) -> dict[str, Any]:
    """With a `chain_id`, so that a call that had to be sent again is not stored twice."""
    fields = dict(request_data)
    return fields if fields.get("chain_id") else fields | {"chain_id": uuid.uuid4().hex}


def _object(response: httpx.Response) -> dict[str, Any]:
    body = response.json()
    if not isinstance(body, dict):
        raise TypeError("not a JSON object")
    return body
