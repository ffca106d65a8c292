"""Whisper in CTranslate2, by faster-whisper. The fastest on CPU (int8) and GPU (float16)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from deployments.serving import gpu_memory
from deployments.serving.audio import Samples
from deployments.serving.errors import BackendMissing
from deployments.speech.backends import whisper
from deployments.speech.backends.devices import DEVICE_VARIABLE, wanted
from deployments.speech.backends.model_files import locate
from deployments.speech.backends.whisper_segments import Hypothesis, TimedWord
from deployments.speech.types import ChunkTranscript, SpeechChunk, SpeechConfig, Task

CONVERSION = (
    "it is not a CTranslate2 model; convert it: ct2-transformers-converter --model {folder} --output_dir OUT "
    "--copy_files tokenizer.json preprocessor_config.json --quantization int8"
)
_BEAM_SIZE = 5  # faster-whisper's default


_CPU_DECODE_ROWS = 8
"""A CPU encodes fastest one chunk at a time, whose attention its caches hold, and decodes fastest 4 to 8 at once.
Measured with tiny's shape in int8, seconds of CPU for 16 chunks: encoding 6.4 one by one, 8.4 at once; decoding 2.1 one
by one, 1.45 by 8, 1.75 at once."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    """The encoder's output: on a CPU an array that can be cut into rows, on a GPU CTranslate2's storage of them all."""

    features: Any
    """float32, shape (chunks, mels, 3000)."""
    array: Any
    """float32, shape (chunks, 1500, width); None on a GPU."""
    storage: Any


class FasterWhisperBackend:
    """`compute_type` auto is int8 on a CPU and float16 on a GPU; CTranslate2 converts the weights while loading.

    Raises:
        WeightsMissing, WeightsCorrupt: no model, or not in CTranslate2's form.
        BackendMissing: faster-whisper is not installed, or the device is not here.
        UnsupportedOption: no such compute type.
    """

    name = "faster-whisper"
    steerable = whisper.STEERABLE

    def __init__(self, config: SpeechConfig) -> None:
        device, compute_type = wanted(config)
        try:
            import ctranslate2
            from faster_whisper import WhisperModel
            from faster_whisper.transcribe import get_suppressed_tokens
        except ImportError as error:
            raise BackendMissing(f"faster-whisper is not installed ({error}); pip install faster-whisper") from error

        files = locate(config, ("model.bin",), CONVERSION)
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        kind, _, index = device.partition(":")
        if kind == "cuda":
            gpu_memory.bound_ctranslate2_cache()
        if compute_type in ("auto", "default"):
            compute_type = "int8" if kind == "cpu" else "float16"
        try:
            self._whisper = WhisperModel(
                str(files.folder),
                device=kind,
                device_index=int(index or 0),
                compute_type=compute_type,
                cpu_threads=config.threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            raise BackendMissing(
                f"CTranslate2 cannot load {files.name} on {device} as {compute_type}: {error}; "
                f"set {DEVICE_VARIABLE}=cpu, or another compute type"
            ) from error
        self.model, self.version = files.name, files.version
        self.device = device
        self.compute_type = self._whisper.model.compute_type
        multilingual = self._whisper.model.is_multilingual
        languages = tuple(code for code in self._whisper.supported_languages if self._knows(code, multilingual))
        self.facts = whisper.WhisperFacts(languages, multilingual, config.timestamps)
        self.languages, self.tasks = languages, self.facts.tasks
        self._beam_size = config.beam_size or _BEAM_SIZE
        # numpy has no bfloat16: those are decoded whole, as on a GPU.
        splits = kind == "cpu" and not self.compute_type.endswith("bfloat16")
        self._rows_at_once = _CPU_DECODE_ROWS if splits else None
        self.tokenizer = lru_cache(maxsize=256)(self._make_tokenizer)
        self._suppressed = list(get_suppressed_tokens(self.tokenizer(languages[0], "transcribe"), [-1]))

    def transcribe(self, chunks: Sequence[SpeechChunk]) -> list[ChunkTranscript]:
        return whisper.transcribe(self, chunks)

    def close(self) -> None:
        self._whisper.model.unload_model()

    # ---- WhisperLibrary --------------------------------------------------------------------------------------------

    def encode(self, samples: Sequence[Samples]) -> _Encoded:
        from faster_whisper.audio import pad_or_trim

        extract = self._whisper.feature_extractor
        features = np.stack([pad_or_trim(extract(chunk)[..., :-1]) for chunk in samples])
        if self._rows_at_once is None:
            return _Encoded(features, None, self._whisper.encode(features))
        return _Encoded(features, np.concatenate([np.array(self._whisper.encode(chunk)) for chunk in features]), None)

    def detect(self, encoded: _Encoded, rows: Sequence[int]) -> list[tuple[str, float]]:
        best: dict[int, tuple[str, float]] = {}
        for some, states in self._states(encoded, rows):
            for row, found in zip(some, self._whisper.model.detect_language(states), strict=True):
                token, probability = found[0]  # most probable first, as ("<|en|>", 0.98)
                best[row] = (token.strip("<|>"), probability)
        return [best[row] for row in rows]

    def generate(self, encoded: _Encoded, prompts: Sequence[list[int]], temperature: float) -> list[Hypothesis]:
        # Drawing and searching exclude one another; five draws, as in faster-whisper's `best_of`.
        how = (
            {"beam_size": 1, "num_hypotheses": 5, "sampling_topk": 0, "sampling_temperature": temperature}
            if temperature > 0
            else {"beam_size": self._beam_size}
        )
        hypotheses = []
        for rows, states in self._states(encoded, range(len(prompts))):
            results = self._whisper.model.generate(
                states,
                [prompts[row] for row in rows],
                max_length=whisper.TEXT_CONTEXT,
                return_scores=True,
                return_no_speech_prob=True,
                suppress_tokens=self._suppressed,
                **how,
            )
            for result in results:
                tokens = result.sequences_ids[0]
                total = result.scores[0] * len(tokens)  # the score is per token, the end token not counted
                hypotheses.append(Hypothesis(tokens, total / (len(tokens) + 1), result.no_speech_prob))
        return hypotheses

    def align(
        self, encoded: _Encoded, rows: Sequence[int], tokenizer: Any, tokens: Sequence[list[int]], frames: Sequence[int]
    ) -> list[list[TimedWord]]:
        place = {row: index for index, row in enumerate(rows)}
        words: list[list[TimedWord]] = []
        for some, states in self._states(encoded, rows):
            texts, lengths = [tokens[place[row]] for row in some], [frames[place[row]] for row in some]
            words += map(_timed, self._whisper.find_alignment(tokenizer, texts, states, lengths))
        return words

    # ----------------------------------------------------------------------------------------------------------------

    def _states(self, encoded: _Encoded, rows: Sequence[int]) -> Iterator[tuple[Sequence[int], Any]]:
        """The encoder's output of `rows`, in as many parts as are decoded at once."""
        if encoded.array is None:
            everything = len(rows) == len(encoded.features)
            yield rows, encoded.storage if everything else self._whisper.encode(encoded.features[list(rows)])
            return
        from ctranslate2 import StorageView

        size = self._rows_at_once or len(rows)
        for first in range(0, len(rows), size):
            some = rows[first : first + size]
            yield some, StorageView.from_array(np.ascontiguousarray(encoded.array[list(some)]))

    def _make_tokenizer(self, language: str, task: Task) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._whisper.hf_tokenizer, self._whisper.model.is_multilingual, task=task, language=language)

    def _knows(self, code: str, multilingual: bool) -> bool:
        return not multilingual or self._whisper.hf_tokenizer.token_to_id(f"<|{code}|>") is not None


def _timed(words: Sequence[Mapping[str, Any]]) -> list[TimedWord]:
    return [
        TimedWord(
            word["word"], len(word["tokens"]), float(word["start"]), float(word["end"]), float(word["probability"])
        )
        for word in words
    ]
