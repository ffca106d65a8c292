"""The fixture read by each library, in the ways a speech service may use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.nano_whisper.examples import Audio
from training.nano_whisper.synthesise import SAMPLE_RATE
from training.nano_whisper.vocabulary import Language


@dataclass(frozen=True, slots=True)
class Reading:
    """What a runtime made of one clip; ``spans`` (start, end in seconds) is empty where it gave no times."""

    text: str
    spans: tuple[tuple[float, float], ...] = ()


#: ``None`` for a language has the library detect it.
Runtime = Callable[[Audio, Language | None], Reading]


def transformers_runtimes(folder: Path) -> dict[str, Runtime]:
    """Greedy, beam search, and with timestamps."""
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
    model = WhisperForConditionalGeneration.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()

    def runtime(**options: Any) -> Runtime:
        def read(audio: Audio, language: Language | None) -> Reading:
            inputs = processor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt", return_attention_mask=True)
            tokens = model.generate(**inputs, language=language, task="transcribe", **options)
            decoded = processor.tokenizer.decode(tokens[0].tolist(), skip_special_tokens=True, output_offsets=True)
            spans = [offset["timestamp"] for offset in decoded["offsets"] if offset["text"]]
            return Reading(decoded["text"].strip(), tuple((float(start), float(end)) for start, end in spans))

        return read

    return {
        "transformers greedy": runtime(),
        "transformers beam 5": runtime(num_beams=5),
        "transformers timestamps": runtime(return_timestamps=True),
    }


def openai_runtimes(checkpoint: Path) -> dict[str, Runtime]:
    """The library's default (timestamps), and without timestamps."""
    import whisper

    model = whisper.load_model(str(checkpoint), device="cpu")

    def runtime(**options: Any) -> Runtime:
        def read(audio: Audio, language: Language | None) -> Reading:
            result = model.transcribe(audio, language=language, fp16=False, **options)
            spans = tuple((float(s["start"]), float(s["end"])) for s in result["segments"] if s["text"])
            return Reading(result["text"].strip(), () if options.get("without_timestamps") else spans)

        return read

    return {
        "openai-whisper default": runtime(),
        "openai-whisper no timestamps": runtime(without_timestamps=True, temperature=0.0),
    }


def faster_whisper_runtimes(folder: Path, compute_type: str) -> dict[str, Runtime]:
    """The library's default (beam 5, timestamps), greedy without timestamps, and the batched pipeline with its VAD."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type=compute_type, cpu_threads=1, local_files_only=True)
    batched = BatchedInferencePipeline(model=model)

    def runtime(transcribe: Callable[..., Any], timed: bool, **options: Any) -> Runtime:
        def read(audio: Audio, language: Language | None) -> Reading:
            segments = list(transcribe(audio, language=language, **options)[0])
            text = "".join(segment.text for segment in segments).strip()
            return Reading(text, tuple((s.start, s.end) for s in segments) if timed else ())

        return read

    name = f"faster-whisper {compute_type}"
    greedy: Mapping[str, Any] = {"without_timestamps": True, "beam_size": 1, "temperature": 0.0}
    return {
        f"{name} default": runtime(model.transcribe, timed=True),
        f"{name} no timestamps": runtime(model.transcribe, timed=False, **greedy),
        f"{name} batched": runtime(batched.transcribe, timed=False),
    }


def all_runtimes(places: Mapping[str, Path]) -> dict[str, Runtime]:
    """Every runtime above; ``places`` as ``export.expand`` returns it, with all three forms."""
    return {
        **transformers_runtimes(places["hf"]),
        **openai_runtimes(places["openai"]),
        **faster_whisper_runtimes(places["ct2"], "float32"),
        **faster_whisper_runtimes(places["ct2"], "int8"),
    }
