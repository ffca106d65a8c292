"""Tesseract, the program: one process per page, several at a time. Reads Korean where no Korean PP-OCR model is.

We start it ourselves rather than through pytesseract, which writes every page to disk as PNG and cannot give the
program an environment of its own (`OMP_THREAD_LIMIT=1`: its OpenMP threads slow one another down).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deployments.ocr.backends import second_look
from deployments.ocr.backends.tesseract_tsv import lines
from deployments.ocr.page import Page
from deployments.ocr.types import PageText, TextBox
from deployments.serving import weights
from deployments.serving.errors import BackendMissing, DeadlineExceeded, EngineFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TRAINED = {
    "korean": ("kor",), "en": ("eng",), "ch": ("chi_sim",), "chinese_cht": ("chi_tra",), "japan": ("jpn",),
    "latin": ("script/Latin",), "arabic": ("ara",), "ru": ("rus",), "uk": ("ukr",), "hi": ("hin",), "th": ("tha",),
    "el": ("ell",), "ta": ("tam",), "te": ("tel",), "ka": ("kan",),
}  # fmt: skip
"""Our language names -> Tesseract's (tesseract-ocr.github.io/tessdoc/Data-Files)."""


@dataclass(frozen=True, slots=True)
class TesseractOptions:
    kind: Literal["tesseract"] = "tesseract"
    program: str = "tesseract"
    timeout_s: float = 60.0
    """For one page."""
    page_segmentation: int = 3
    """`--psm`: 3 finds blocks by itself, 6 takes the page as one block."""


class Tesseract:
    """
    Raises:
        BackendMissing: the program is not installed, or has none of the languages we know.
    """

    name = "tesseract"

    def __init__(self, options: TesseractOptions, *, threads: int | None = None) -> None:
        program = shutil.which(options.program)
        if program is None:
            raise BackendMissing(
                f"the program {options.program!r} is not installed: `apt-get install tesseract-ocr tesseract-ocr-kor`"
            )
        self._program = program
        self._options = options
        data, installed = _installed(program)
        self._models = {
            language: _with_english(trained, installed)
            for language, trained in _TRAINED.items()
            if set(trained) <= installed
        }
        if not self._models:
            raise BackendMissing(
                "Tesseract has no language data: `apt-get install tesseract-ocr-kor tesseract-ocr-eng`"
            )
        self.library = " ".join(_output([program, "--version"]).split()[:2])
        first = next(iter(self._models.values())).split("+")[0]
        file = data / f"{first}.traineddata"
        self.version = weights.fingerprint(file) if file.is_file() else self.library
        # Ray sets the CPUs a replica may use by affinity, not by count.
        self._pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)), thread_name_prefix="tesseract")

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._models)

    def model(self, language: str) -> str:
        return f"tessdata {self._models[language]}"

    def read(self, pages: Sequence[Page]) -> list[PageText | Exception]:
        return list(self._pool.map(self._outcome, pages))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _outcome(self, page: Page) -> PageText | Exception:
        try:
            found = self._boxes(page.image, page.language)
            if page.use_angle_cls and any(second_look.is_doubtful(box.confidence) for box in found):
                turned = self._boxes(page.image[::-1, ::-1], page.language)
                found = second_look.merge(found, turned, page.width, page.height)
        except (DeadlineExceeded, EngineFailed) as error:
            return error
        return PageText(tuple(found), page.width, page.height)

    def _boxes(self, image: NDArray[np.uint8], language: str) -> list[TextBox]:
        options = self._options
        height, width = image.shape[:2]
        command = [self._program, "stdin", "stdout", "-l", self._models[language]]
        command += ["--psm", str(options.page_segmentation), "txt", "tsv"]
        try:
            done = subprocess.run(  # noqa: S603  (our own program and options; the image goes in by a pipe)
                command,
                input=f"P6 {width} {height} 255\n".encode()
                + image.tobytes(),  # PPM, netpbm.sourceforge.net/doc/ppm.html
                capture_output=True,
                timeout=options.timeout_s,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DeadlineExceeded(
                f"Tesseract took longer than {options.timeout_s:g} s on a page; send it at a lower resolution"
            ) from error
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
            raise EngineFailed(f"Tesseract could not read a page of {width} x {height} pixels: {reason[0]}")
        return lines(done.stdout.decode(errors="replace"))


def _with_english(trained: Sequence[str], installed: set[str]) -> str:
    """What to pass as `-l`: documents in any language hold Latin letters, which `kor` alone reads wrongly."""
    english = ["eng"] if "eng" in installed and "eng" not in trained else []
    return "+".join([*trained, *english])


def _installed(program: str) -> tuple[Path, set[str]]:
    """The folder of the language data and the languages in it, from `--list-langs`:

    List of available languages in "/usr/share/tesseract-ocr/5/tessdata/" (2):
    eng
    kor
    """
    head, *names = _output([program, "--list-langs"]).splitlines() or [""]
    folder = head.split('"')[1] if head.count('"') >= 2 else ""
    return Path(folder), {name.strip() for name in names}


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=True, text=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendMissing(f"`{' '.join(command)}` does not run: {error}") from error
