"""Whisper in OpenAI's own package, on torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.serving import gpu_memory
from deployments.serving.audio import Samples
from deployments.serving.errors import BackendMissing
from deployments.serving.weights import WeightsMissing, fingerprint, resolve
from deployments.speech.backends import whisper
from deployments.speech.backends.cross_attention import align_tokens
from deployments.speech.backends.devices import float_type, torch_device, wanted
from deployments.speech.backends.model_files import published_name
from deployments.speech.backends.whisper_segments import Hypothesis, TimedWord
from deployments.speech.backends.whisper_words import timed_words
from deployments.speech.types import ChunkTranscript, SpeechChunk, SpeechConfig, Task

_DRAWS = 5  # of which the best is kept, as `--best_of` of its command line


@dataclass(frozen=True, slots=True)
class _Encoded:
    mels: Any
    """Tensor of shape (chunks, mels, 3000)."""
    states: Any
    """Tensor of shape (chunks, 1500, width)."""


class OpenAIWhisperBackend:
    """`model` is a .pt file, a folder that holds one, or one of the package's own names (`large-v3-turbo`), which it
    downloads. float16 on a GPU, float32 on a CPU.

    Raises:
        WeightsMissing, WeightsCorrupt: no such checkpoint.
        BackendMissing: openai-whisper is not installed, or the device is not here.
        UnsupportedOption: no such compute type.
    """

    name = "openai-whisper"
    steerable = whisper.STEERABLE

    def __init__(self, config: SpeechConfig) -> None:
        device, compute_type = wanted(config)
        try:
            import torch
            import whisper as openai_whisper
            from whisper.tokenizer import get_tokenizer
        except ImportError as error:
            raise BackendMissing(f"openai-whisper is not installed ({error}); pip install openai-whisper") from error

        self._torch = torch
        self._get_tokenizer = get_tokenizer
        self.device = torch_device(torch, device)
        gpu_memory.cap_torch(torch, self.device)
        self.compute_type = "float16" if float_type(compute_type, self.device) == "float16" else "float32"
        if config.threads and self.device == "cpu":
            torch.set_num_threads(config.threads)
        checkpoint, self.model, self.version = _checkpoint(config, openai_whisper)
        try:
            self._whisper = openai_whisper.load_model(str(checkpoint), device=self.device)
        except (OSError, RuntimeError, KeyError) as error:
            raise WeightsMissing(f"{checkpoint} cannot be loaded as an openai-whisper model: {error}") from error
        if self.compute_type == "float16":
            self._whisper = self._whisper.half()
        multilingual = self._whisper.is_multilingual
        with warnings.catch_warnings():
            # It leaves its vocabulary file open once; the interpreter closes it.
            warnings.simplefilter("ignore", ResourceWarning)
            self.tokenizer("en", "transcribe")
        languages = self.tokenizer("en", "transcribe").all_language_codes if multilingual else ("en",)
        self.facts = whisper.WhisperFacts(tuple(languages), multilingual, config.timestamps)
        self.languages, self.tasks = self.facts.languages, self.facts.tasks
        self._beam_size = config.beam_size

    def transcribe(self, chunks: Sequence[SpeechChunk]) -> list[ChunkTranscript]:
        return whisper.transcribe(self, chunks)

    def close(self) -> None:
        self._whisper = None
        if self.device.startswith("cuda"):
            self._torch.cuda.empty_cache()

    # ---- WhisperLibrary --------------------------------------------------------------------------------------------

    def encode(self, samples: Sequence[Samples]) -> _Encoded:
        from whisper.audio import N_FRAMES, N_SAMPLES, log_mel_spectrogram, pad_or_trim

        torch, dims = self._torch, self._whisper.dims
        with torch.inference_mode():
            mels = torch.stack(
                [
                    # As whisper/transcribe.py: 30 s of silence behind the sound, then the sound's frames padded by 0.
                    pad_or_trim(
                        log_mel_spectrogram(chunk, dims.n_mels, padding=N_SAMPLES)[:, : chunk.shape[0] // 160], N_FRAMES
                    )
                    for chunk in samples
                ]
            ).to(self.device, self._whisper.encoder.conv1.weight.dtype)
            return _Encoded(mels, self._whisper.encoder(mels))

    def detect(self, encoded: _Encoded, rows: Sequence[int]) -> list[tuple[str, float]]:
        _, found = self._whisper.detect_language(encoded.states[list(rows)])
        return [max(probabilities.items(), key=lambda entry: entry[1]) for probabilities in found]

    def tokenizer(self, language: str, task: Task) -> Any:
        model = self._whisper
        return self._get_tokenizer(
            model.is_multilingual, num_languages=model.num_languages, language=language, task=task
        )

    def generate(self, encoded: _Encoded, prompts: Sequence[list[int]], temperature: float) -> list[Hypothesis]:
        from whisper.decoding import DecodingOptions, DecodingTask

        options = DecodingOptions(
            language="en",
            temperature=temperature,
            best_of=_DRAWS if temperature > 0 else None,
            beam_size=self._beam_size if self._beam_size > 1 and temperature == 0 else None,
            without_timestamps=not self.facts.timestamps,
            fp16=self.compute_type == "float16",
            # Only its length matters: `_Prompted` writes each row's own tokens over it.
            prompt=[0] * (len(prompts[0]) - len(self._plain_start()) - 1) or None,
        )

        class Prompted(DecodingTask):
            """The library's decoder with a prompt of its own for each row, where it has one language for all."""

            def _detect_language(self, audio_features: Any, tokens: Any) -> tuple[list[str], None]:
                tokens[:] = tokens.new_tensor(list(prompts))
                return ["en"] * audio_features.shape[0], None

        with self._torch.inference_mode():
            results = Prompted(self._whisper, options).run(encoded.states)
        return [Hypothesis(found.tokens, found.avg_logprob, found.no_speech_prob) for found in results]

    def align(
        self, encoded: _Encoded, rows: Sequence[int], tokenizer: Any, tokens: Sequence[list[int]], frames: Sequence[int]
    ) -> list[list[TimedWord]]:
        with self._torch.inference_mode():
            return [
                self._align_one(encoded.states[row : row + 1], tokenizer, texts, count)
                for row, texts, count in zip(rows, tokens, frames, strict=True)
            ]

    # ----------------------------------------------------------------------------------------------------------------

    def _align_one(self, states: Any, tokenizer: Any, texts: list[int], frames: int) -> list[TimedWord]:
        """As the package's `find_alignment`, which compiles its own warping for ten seconds at the first call."""
        from whisper.model import disable_sdpa

        torch = self._torch
        start = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        blocks = self._whisper.decoder.blocks
        weights: list[Any] = [None] * len(blocks)

        def keep(layer: int) -> Any:
            def hook(module: Any, given: Any, output: Any) -> None:
                weights[layer] = output[-1][0]  # logits, shape (heads, tokens, 1500)

            return hook

        hooks = [block.cross_attn.register_forward_hook(keep(layer)) for layer, block in enumerate(blocks)]
        try:
            with disable_sdpa():
                tokens = torch.tensor([[*start, *texts, tokenizer.eot]], device=self.device)
                logits = self._whisper.decoder(tokens, states)[0]
        finally:
            for hook in hooks:
                hook.remove()
        heads = self._whisper.alignment_heads.indices().T.tolist()
        chosen = torch.stack([weights[layer][head] for layer, head in heads])[:, :, : max(1, frames // 2)]
        times = align_tokens(chosen.float().softmax(-1).cpu().numpy(), first=len(start) - 1)
        after = logits[len(start) - 1 : -2, : tokenizer.eot].float().softmax(-1)
        return timed_words(tokenizer, texts, times, after[range(len(texts)), texts].tolist())

    def _plain_start(self) -> Sequence[int]:
        tokenizer = self.tokenizer("en", "transcribe")
        start: Sequence[int] = tokenizer.sot_sequence
        return start if self.facts.timestamps else tokenizer.sot_sequence_including_notimestamps


def _checkpoint(config: SpeechConfig, openai_whisper: Any) -> tuple[Path | str, str, str]:
    """The file or the package's own name, the name to answer under, and the version."""
    if config.model in openai_whisper.available_models():
        return config.model, config.name or f"whisper-{config.model}", config.model
    file = Path(config.model).expanduser()
    if file.is_file():
        return file, config.name or published_name(file.stem), fingerprint(file)
    folder = resolve(config.model)
    found = next(iter(sorted(folder.glob("*.pt"))), None)
    if found is None:
        raise WeightsMissing(
            f"{folder} holds no .pt file; name one of openai-whisper's form, or one of its own models "
            f"({', '.join(openai_whisper.available_models())})",
            source=config.model,
        )
    return found, config.name or published_name(config.model), fingerprint(found)
