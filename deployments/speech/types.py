"""Plain data of the speech service: what is asked, what travels through the model, what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from deployments.serving.audio import SAMPLE_RATE, AudioPolicy, Samples
from deployments.serving.media import MediaSource

Task = Literal["transcribe", "translate"]
"""translate: any language to English text."""

WHISPER_WINDOW_S = 30.0
"""What Whisper reads at once (arXiv:2212.04356, section 2.2)."""


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """One backend and its model. Picklable: replicas and bulk actors build their engine from it."""

    backend: str = "pocketsphinx"
    """`faster-whisper`, `transformers`, `openai-whisper`, `pocketsphinx` or `fake`."""
    model: str = "package:pocketsphinx/model/en-us"
    """A source as `deployments.serving.weights` reads it. openai-whisper also takes a .pt file or its own names."""
    name: str = ""
    """Name to answer under; empty takes the folder's or repository's."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`. `STT_DEVICE` in the environment goes before it."""
    compute_type: str = "auto"
    """`auto`, `float32`, `float16`, `bfloat16`, `int8`, `int8_float16`, ...; `STT_COMPUTE_TYPE` goes before it."""
    threads: int = 1
    """CPU threads of the model; 0 lets the library choose."""
    beam_size: int = 0
    """0 takes the library's own default: 5 in faster-whisper, 1 (greedy) in the others."""
    timestamps: bool = True
    """Have Whisper write time stamps. Without, a segment is a whole chunk."""
    chunk_s: float = WHISPER_WINDOW_S
    """Longest chunk, seconds."""
    audio: AudioPolicy = field(default_factory=AudioPolicy)
    fake_delay_s: float = 0.0
    """Seconds the fake backend sleeps per call."""
    fake_fail_above: float = 2.0
    """The fake backend raises on audio with a sample above this; 2 never."""

    def __post_init__(self) -> None:
        if not 1 <= self.chunk_s <= WHISPER_WINDOW_S:
            raise ValueError(f"chunk_s must be 1 to {WHISPER_WINDOW_S:g}, not {self.chunk_s}")


@dataclass(frozen=True, slots=True)
class SpeechLimits:
    """What the HTTP paths accept."""

    max_bytes: int = 100 * 2**20
    """Of one upload."""
    max_prompt_chars: int = 2000
    """Whisper reads about 220 tokens of it."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What a decode depends on besides the sound. Chunks with equal options may share one."""

    task: Task = "transcribe"
    word_timestamps: bool = False
    prompt: str = ""
    """Text said before: style, names, spelling."""
    temperature: float = 0.0
    """Above 0 tokens are drawn at random."""
    condition_on_previous_text: bool = False
    """Each chunk is told the text of those before it."""

    @property
    def batchable(self) -> bool:
        """Whether chunks of other requests may be decoded in the same call."""
        return self.temperature == 0 and not self.condition_on_previous_text


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    source: MediaSource
    language: str | None = None
    """ISO 639-1 code (`ko`) or English name; None detects it."""
    vad: bool = True
    """Leave out silence before decoding."""
    options: DecodeOptions = DecodeOptions()


@dataclass(slots=True, eq=False)
class RequestContext:
    """What the chunks of one request share. Only the engine thread writes it, in the order of the chunks."""

    duration_s: float
    began: float
    """`time.monotonic()` when the request was taken up."""
    language: str | None = None
    """ISO 639-1; decided by the first chunk where the caller did not say."""
    language_probability: float | None = None
    """Of the detection; None where the caller said it."""
    previous_text: str = ""
    """What the chunks so far said, for `condition_on_previous_text`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the recording inside a chunk. Seconds."""

    at: float
    """Where it starts in the chunk."""
    start: float
    """Where it starts in the recording."""
    length: float


@dataclass(frozen=True, slots=True, eq=False)
class SpeechChunk:
    """The unit of work: at most 30 s of speech. One without samples stands for a request in which nobody speaks."""

    samples: Samples
    pieces: tuple[Piece, ...]
    options: DecodeOptions
    context: RequestContext

    @property
    def length_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Word:
    """Seconds. `text` starts with a space where the language writes one."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A phrase. Seconds; texts of consecutive segments join to the whole text without anything between them."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    tokens: tuple[int, ...] = ()
    avg_logprob: float = 0.0
    """Mean log probability of the tokens; 0 where the backend has none."""
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0
    """Bytes of the text / bytes of it compressed; above 2.4 it is probably a loop (whisper/transcribe.py)."""


@dataclass(frozen=True, slots=True)
class ChunkTranscript:
    """Outcome of one chunk."""

    segments: tuple[Segment, ...]
    language: str
    language_probability: float | None = None

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True)
class SpeechResult:
    text: str
    segments: tuple[Segment, ...]
    language: str
    language_probability: float | None
    duration_s: float
    processing_s: float
    """From taking up the request to this answer, waiting for other requests' chunks included."""
    backend: str
    model: str
    task: Task
    temperature: float = 0.0

    @property
    def real_time_factor(self) -> float:
        """Seconds of processing per second of sound."""
        return self.processing_s / self.duration_s
