"""The services that the front can list: where they live, what they do, one call to try."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.front.types import ServiceEntry

KNOWN = {
    entry.name: entry
    for entry in (
        ServiceEntry(
            name="ocr",
            title="OCR",
            base_path="/ocr",
            summary="Reads text, with its boxes, from images and PDF documents.",
            example="curl -s {base_url}/ocr/extract_text -F file=@samples/receipt.png "
            """-F 'request_data={"language": "en"}'""",
        ),
        ServiceEntry(
            name="embedding",
            title="Embedding",
            base_path="/embedding",
            summary="Turns texts into vectors for search and clustering.",
            example="curl -s {base_url}/embedding/api/v1/embed -H 'content-type: application/json' "
            """-d '{"text": "hello"}'""",
        ),
        ServiceEntry(
            name="speech",
            title="Speech",
            base_path="/speech",
            summary="Turns speech into text, with times, and into subtitles.",
            example="curl -s {base_url}/speech/transcribe -F file=@samples/gate.wav",
        ),
        ServiceEntry(
            name="container-number",
            title="Container number",
            base_path="/container-number",
            summary="Reads ISO 6346 container numbers and checks their check digits.",
            example="curl -s {base_url}/container-number/read -F files=@samples/container.png",
        ),
    )
}


def entries(names: Sequence[str]) -> list[ServiceEntry]:
    """The entries of `names`, in order.

    Raises:
        ValueError: a name that is not known.
    """
    if unknown := [name for name in names if name not in KNOWN]:
        raise ValueError(f"services {unknown} are not known; known are {sorted(KNOWN)}")
    return [KNOWN[name] for name in names]
