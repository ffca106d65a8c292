"""What a benchmark sends: the project's samples, or files of one's own, as the client itself would send them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.cli.exit_status import USAGE, CommandFailed

if TYPE_CHECKING:
    from deployments.client.call import Call
    from deployments.client.health import ServiceName

FOLDER = Path(__file__).resolve().parents[2] / "samples"
_PICTURES = {"ocr": ("receipt.png", "invoice.jpg"), "container": ("container.png", "yard.jpg")}
_RECORDINGS = ("gate.wav", "crane.wav")
_TEXTS = (
    "The vessel is delayed by fog and will berth at noon.",
    "Container weights must be declared before loading.",
    "crane",
    "Please open the gate for the next truck.",
    "Reefer containers keep fruit, fish and medicine cold on their way across the sea, and need power all the time.",
    "터미널 3번 부두에 컨테이너가 도착했습니다.",
    "Invoice 4711 is due on the first of the month.",
    "How long does customs clearance take for perishable goods?",
)
"""Lengths as searches and short notes have them."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one service gets."""

    service: ServiceName
    calls: tuple[Call[Any], ...]
    """Sent in turn."""
    clients: int
    """At once, unless the person says otherwise."""


def load_of(service: str, files: Sequence[Path], language: str) -> Load:
    """
    Args:
        service: ocr, embedding, speech or container.
        files: instead of the samples.

    Raises:
        CommandFailed: a file cannot be read, or there are no samples here.
    """
    from deployments.client import container_number, embedding, ocr, speech

    if service == "embedding":
        return Load("embedding", tuple(embedding.embed(text) for text in _texts(files)), 64)
    if service == "speech":
        chosen = files or _samples(_RECORDINGS)
        return Load("speech", tuple(speech.transcribe(file, language=language or None) for file in chosen), 8)
    chosen = files or _samples(_PICTURES[service])
    if service == "ocr":
        # One `chain_id` a file: however often it is sent, the server stores one execution.
        return Load("ocr", tuple(ocr.extract(file, language=language or None) for file in chosen), 8)
    return Load("container-number", tuple(container_number.read([file]) for file in chosen), 8)


def _samples(names: Sequence[str]) -> list[Path]:
    files = [FOLDER / name for name in names]
    if missing := [file.name for file in files if not file.exists()]:
        raise CommandFailed(
            f"the samples ({', '.join(missing)}) lie in the project's checkout, which is not here: name files with "
            "--input",
            USAGE,
        )
    return files


def _texts(files: Sequence[Path]) -> Sequence[str]:
    if not files:
        return _TEXTS
    try:
        lines = [line.strip() for file in files for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"the texts cannot be read: {error}", USAGE) from error
    texts = [line for line in lines if line]
    if not texts:
        raise CommandFailed("there is no text in the files of --input", USAGE)
    return texts
