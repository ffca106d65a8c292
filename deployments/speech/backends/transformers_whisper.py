"""Whisper in Hugging Face transformers, on torch.

`generate` of transformers' Whisper has one prompt, task and time-stamp rule for a whole batch; here its general
`GenerationMixin.generate` runs under it, with the Whisper rules as logits processors and a prompt per chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployments.serving import gpu_memory
from deployments.serving.audio import SAMPLE_RATE, Samples
from deployments.serving.errors import BackendMissing
from deployments.serving.weights import WeightsMissing
from deployments.speech.backends import whisper
from deployments.speech.backends.cross_attention import align_tokens
from deployments.speech.backends.devices import float_type, torch_device, wanted
from deployments.speech.backends.model_files import locate
from deployments.speech.backends.whisper_segments import Hypothesis, TimedWord
from deployments.speech.backends.whisper_words import timed_words
from deployments.speech.types import ChunkTranscript, SpeechChunk, SpeechConfig, Task

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_ADVICE = "name a folder or repository of Hugging Face's Whisper form, such as openai/whisper-large-v3-turbo"


class TransformersWhisperBackend:
    """float16 on a GPU, float32 on a CPU, unless the compute type names another float.

    Raises:
        WeightsMissing, WeightsCorrupt: no such model.
        BackendMissing: transformers is not installed, or the device is not here.
        UnsupportedOption: no such compute type.
    """

    name = "transformers"
    steerable = whisper.STEERABLE

    def __init__(self, config: SpeechConfig) -> None:
        device, compute_type = wanted(config)
        try:
            import torch
            from tokenizers import Tokenizer
            from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration
        except ImportError as error:
            raise BackendMissing(f"transformers is not installed ({error}); pip install transformers torch") from error

        self._torch = torch
        self.device = torch_device(torch, device)
        gpu_memory.cap_torch(torch, self.device)
        self.compute_type = float_type(compute_type, self.device)
        if config.threads and self.device == "cpu":
            torch.set_num_threads(config.threads)
        files = locate(config, _WEIGHTS, _ADVICE)
        if not (files.folder / "tokenizer.json").is_file():
            raise WeightsMissing(f"{files.folder} holds no tokenizer.json; {_ADVICE}", source=config.model)
        self.model, self.version = files.name, files.version
        self._hf_tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
        self._extract = WhisperFeatureExtractor.from_pretrained(files.folder, local_files_only=True)
        try:
            loaded = WhisperForConditionalGeneration.from_pretrained(
                files.folder, local_files_only=True, dtype=getattr(torch, self.compute_type)
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise WeightsMissing(f"{files.folder} cannot be loaded as a Whisper model: {error}") from error
        self._whisper = loaded.to(self.device).eval()
        settings = loaded.generation_config
        ids = getattr(settings, "lang_to_id", None) or {}
        self._language_ids = {token.strip("<|>"): number for token, number in ids.items()}
        self.facts = whisper.WhisperFacts(tuple(self._language_ids) or ("en",), bool(ids), config.timestamps)
        self.languages, self.tasks = self.facts.languages, self.facts.tasks
        self._heads = getattr(settings, "alignment_heads", None)
        self._beam_size = config.beam_size or 1
        self._suppressed = self._suppressed_tokens()

    def transcribe(self, chunks: Sequence[SpeechChunk]) -> list[ChunkTranscript]:
        with self._torch.inference_mode():
            return whisper.transcribe(self, chunks)

    def close(self) -> None:
        self._whisper = None
        if self.device.startswith("cuda"):
            self._torch.cuda.empty_cache()

    # ---- WhisperLibrary --------------------------------------------------------------------------------------------

    def encode(self, samples: Sequence[Samples]) -> Any:
        """Tensor of shape (chunks, 1500, width)."""
        features = self._extract(list(samples), sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        return self._whisper.get_encoder()(features.to(self.device, self._whisper.dtype)).last_hidden_state

    def detect(self, encoded: Any, rows: Sequence[int]) -> list[tuple[str, float]]:
        start = self.tokenizer(self.languages[0], "transcribe").sot
        logits = self._logits(encoded[list(rows)], [[start]] * len(rows))[:, 0]
        codes = list(self._language_ids)
        found = logits[:, [self._language_ids[code] for code in codes]].float().softmax(-1).max(-1)
        return [
            (codes[place], float(probability)) for probability, place in zip(found.values, found.indices, strict=True)
        ]

    def tokenizer(self, language: str, task: Task) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._hf_tokenizer, self.facts.multilingual, task=task, language=language)

    def generate(self, encoded: Any, prompts: Sequence[list[int]], temperature: float) -> list[Hypothesis]:
        from transformers import GenerationConfig, GenerationMixin
        from transformers.modeling_outputs import BaseModelOutput

        torch, length = self._torch, len(prompts[0])
        known = self._whisper.generation_config
        tokenizer = self.tokenizer(self.languages[0], "transcribe")
        settings = GenerationConfig(
            max_length=whisper.TEXT_CONTEXT,
            num_beams=self._beam_size if temperature == 0 else 1,
            do_sample=temperature > 0,
            temperature=temperature or None,
            top_k=0 if temperature > 0 else None,
            eos_token_id=known.eos_token_id,
            pad_token_id=known.eos_token_id,
            decoder_start_token_id=known.decoder_start_token_id,
            suppress_tokens=self._suppressed,
            # As in whisper/decoding.py: saying nothing at all is no answer; silence is told by `no_speech_prob`.
            begin_suppress_tokens=[*tokenizer.encode(" "), tokenizer.eot],
        )
        sequences = GenerationMixin.generate(
            self._whisper,
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            decoder_input_ids=torch.tensor(list(prompts), device=self.device),
            attention_mask=encoded.new_ones(encoded.shape[:2]),  # not read; without it a warning is logged
            generation_config=settings,
            logits_processor=self._rules(length),
        )
        written = [sequence[length:].tolist() for sequence in sequences]
        tokens = [row[: row.index(tokenizer.eot)] if tokenizer.eot in row else row for row in written]
        return [
            self._judged(encoded[row : row + 1], prompt, found)
            for row, (prompt, found) in enumerate(zip(prompts, tokens, strict=True))
        ]

    def align(
        self, encoded: Any, rows: Sequence[int], tokenizer: Any, tokens: Sequence[list[int]], frames: Sequence[int]
    ) -> list[list[TimedWord]]:
        self._whisper.set_attn_implementation("eager")  # the only one that tells its weights
        try:
            return [
                self._align_one(encoded[row : row + 1], tokenizer, texts, count)
                for row, texts, count in zip(rows, tokens, frames, strict=True)
            ]
        finally:
            self._whisper.set_attn_implementation("sdpa")

    # ----------------------------------------------------------------------------------------------------------------

    def _align_one(self, states: Any, tokenizer: Any, texts: list[int], frames: int) -> list[TimedWord]:
        start = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        found = self._decode(states, [[*start, *texts, tokenizer.eot]], output_attentions=True)
        layers = found.cross_attentions  # one of shape (1, heads, tokens, 1500) per layer
        # As whisper/model.py where none are named: every head of the upper half.
        heads = self._heads or [
            (layer, head) for layer in range(len(layers) // 2, len(layers)) for head in range(layers[0].shape[1])
        ]
        weights = self._torch.stack([layers[layer][0, head] for layer, head in heads]).float().cpu().numpy()
        times = align_tokens(weights[:, :, : max(1, frames // 2)], first=len(start) - 1)
        after = found.logits[0, len(start) - 1 : -2].float().softmax(-1)
        probabilities = after[range(len(texts)), texts].tolist()
        return timed_words(tokenizer, texts, times, probabilities)

    def _judged(self, states: Any, prompt: list[int], tokens: list[int]) -> Hypothesis:
        """The tokens with their probability by the model itself, before rules and beams."""
        logits = self._logits(states, [[*prompt, *tokens]])[0].float()
        tokenizer = self.tokenizer(self.languages[0], "transcribe")
        no_speech = logits[prompt.index(tokenizer.sot)].softmax(-1)[tokenizer.no_speech]
        written = logits[len(prompt) - 1 :].log_softmax(-1)
        total = written[range(len(tokens) + 1), [*tokens, tokenizer.eot]].sum()
        return Hypothesis(tokens, float(total) / (len(tokens) + 1), float(no_speech))

    def _logits(self, states: Any, tokens: list[list[int]]) -> Any:
        return self._decode(states, tokens).logits

    def _decode(self, states: Any, tokens: list[list[int]], **options: Any) -> Any:
        return self._whisper(
            encoder_outputs=(states,),
            decoder_input_ids=self._torch.tensor(tokens, device=self.device),
            use_cache=False,
            **options,
        )

    def _rules(self, begin: int) -> Any:
        from transformers.generation import LogitsProcessorList
        from transformers.generation.logits_process import WhisperTimeStampLogitsProcessor

        if not self.facts.timestamps:
            return LogitsProcessorList()
        return LogitsProcessorList(
            [WhisperTimeStampLogitsProcessor(self._whisper.generation_config, begin_index=begin)]
        )

    def _suppressed_tokens(self) -> list[int]:
        from faster_whisper.transcribe import get_suppressed_tokens

        return list(get_suppressed_tokens(self.tokenizer(self.languages[0], "transcribe"), [-1]))
