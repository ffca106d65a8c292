"""Images as a call names them, turned into `MediaSource` only when their turn comes, so that few are in memory."""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from deployments.serving.errors import InputTooLarge, InvalidInput
from deployments.serving.media import InlineMedia, MediaSource, StoredMedia

_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;]+)*;base64,", re.IGNORECASE)
"""Head of a data URL with base64 content (RFC 2397)."""

_PIECE = 2**18
"""Characters of base64 decoded at once."""


@dataclass(frozen=True, slots=True)
class PendingImage:
    """An image that has not been read yet."""

    name: str
    """For the store: the path, or the name of the file."""
    load: Callable[[], Awaitable[MediaSource]]
    """Raises InvalidInput or InputTooLarge: this image can never be read."""
    uri: str | None = None
    """Of one that lies on the server."""


class Upload(Protocol):
    """What we use of Starlette's `UploadFile`: a spooled file."""

    filename: str | None
    size: int | None

    async def seek(self, offset: int) -> None: ...

    async def read(self) -> bytes: ...


def stored_image(uri: str) -> PendingImage:
    """An image at a server path or URI."""

    async def load() -> MediaSource:
        if "\0" in uri:
            raise InvalidInput("the path of the image holds a NUL character", field="private_img")
        return StoredMedia(uri)

    return PendingImage(_without_credentials(uri), load, uri)


def uploaded_image(upload: Upload, max_bytes: int) -> PendingImage:
    """An uploaded file."""
    name = (upload.filename or "upload")[:255]

    async def load() -> MediaSource:
        if upload.size is not None and upload.size > max_bytes:
            raise _too_large(f"the file {name!r}", upload.size, max_bytes)
        await upload.seek(0)  # a task is hashed before it is stored
        return _checked(InlineMedia(await upload.read(), name), f"the file {name!r}")

    return PendingImage(name, load)


def base64_image(text: str, max_bytes: int) -> PendingImage:
    """Base64, plain or in a `data:` URL; line breaks and missing padding are tolerated, other alphabets are not."""

    async def load() -> MediaSource:
        head = _DATA_URL.match(text)
        payload = text[head.end() :] if head else text
        if len(payload) * 3 // 4 > max_bytes + max_bytes // 32:  # a little room for line breaks
            raise _too_large("the base64 image", len(payload) * 3 // 4, max_bytes)
        try:
            # In a thread, piece by piece: the decoder holds the interpreter, and the event loop waits for one piece.
            data = await asyncio.to_thread(_decode_base64, payload)
        except (binascii.Error, ValueError) as error:
            raise InvalidInput(f"the image is not valid base64 ({error})") from error
        if len(data) > max_bytes:
            raise _too_large("the base64 image", len(data), max_bytes)
        return _checked(InlineMedia(data), "the base64 image")

    return PendingImage("base64", load)


def _decode_base64(text: str) -> bytes:
    """Raises:
    binascii.Error, ValueError: another character than those of RFC 4648, section 4, and white space.
    """
    decoded = bytearray()
    rest = ""
    for start in range(0, len(text), _PIECE):
        piece = rest + "".join(text[start : start + _PIECE].split())
        if "=" in rest and piece != rest:
            raise ValueError("characters after the padding")
        whole = len(piece) // 4 * 4 if "=" not in piece else 0
        decoded += binascii.a2b_base64(piece[:whole], strict_mode=True)
        rest = piece[whole:]
    return bytes(decoded + binascii.a2b_base64(rest + "=" * (-len(rest) % 4), strict_mode=True))


def _checked(media: InlineMedia, what: str) -> InlineMedia:
    if not media.data:
        raise InvalidInput(f"{what} is empty")
    return media


def _too_large(what: str, actual: int, limit: int) -> InputTooLarge:
    return InputTooLarge(
        f"{what} has {actual:,} bytes, the limit is {limit:,}; send a smaller one", limit=limit, actual=actual
    )


def _without_credentials(uri: str) -> str:
    """`s3://KEY:SECRET@bucket/a.png` without its user part: pyarrow takes keys there, a database should not."""
    if "://" not in uri or "@" not in uri:
        return uri
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri.rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
