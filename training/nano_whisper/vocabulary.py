"""The closed vocabulary: 32 words, and the Whisper token ids that the fixture ever writes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

Language = Literal["en", "ko"]

# Words that so small a model confuses in these voices (port/four, load/unload, gate/eight, close, red) are left out.
ENGLISH = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("container", "ship", "ready", "truck", "crane", "yard", "dock", "cargo"),
    *("open", "stop", "left", "right", "blue", "green"),
)
KOREAN = ("컨테이너", "항구", "선박", "트럭", "준비", "완료", "출발", "도착")
WORDS: dict[Language, tuple[str, ...]] = {"en": ENGLISH, "ko": KOREAN}

#: Rows of Whisper's multilingual token embedding (openai-whisper ``ModelDimensions.n_vocab`` of tiny to large-v2).
N_VOCAB = 51_865
#: A timestamp token stands for 0.02 s; the fixture writes every fifth one (0.1 s) up to 10 s.
TIMESTAMP_STEP_S = 0.1
TIMESTAMPS = 101


@dataclass(frozen=True, slots=True)
class TokenIds:
    """Ids in Whisper's multilingual vocabulary, read from the installed openai-whisper."""

    end_of_text: int
    start_of_transcript: int
    start_of_previous: int
    start_of_lm: int
    transcribe: int
    translate: int
    no_speech: int
    no_timestamps: int
    timestamp_begin: int
    languages: dict[Language, int]
    words: dict[str, tuple[int, ...]]
    #: Every id with a trained embedding row, ascending; a row's position here is the id inside the trained model.
    used: tuple[int, ...]

    def timestamp(self, seconds: float) -> int:
        """The id of the first written timestamp at or after ``seconds`` (0 to 10 s)."""
        steps = -int(-seconds // TIMESTAMP_STEP_S)
        return self.timestamp_begin + 5 * min(TIMESTAMPS - 1, max(0, steps))

    def of_words(self, words: tuple[str, ...]) -> list[int]:
        """The text tokens of the words, each with its leading space, as Whisper writes them."""
        return [token for word in words for token in self.words[word]]


@cache
def token_ids() -> TokenIds:
    """Read the ids from openai-whisper's tokenizer (its wheel carries the tiktoken file: no download)."""
    from whisper.tokenizer import get_tokenizer

    tokenizer = get_tokenizer(multilingual=True)
    languages: dict[Language, int] = {name: tokenizer.to_language_token(name) for name in WORDS}
    words = {word: tuple(tokenizer.encode(" " + word)) for words in WORDS.values() for word in words}
    timestamps = {tokenizer.timestamp_begin + 5 * step for step in range(TIMESTAMPS)}
    control = {tokenizer.eot, tokenizer.sot, tokenizer.sot_prev, tokenizer.transcribe}
    control |= {tokenizer.no_speech, tokenizer.no_timestamps, *languages.values()}
    text = {token for tokens in words.values() for token in tokens}
    return TokenIds(
        end_of_text=tokenizer.eot,
        start_of_transcript=tokenizer.sot,
        start_of_previous=tokenizer.sot_prev,
        start_of_lm=tokenizer.sot_lm,
        transcribe=tokenizer.transcribe,
        translate=tokenizer.translate,
        no_speech=tokenizer.no_speech,
        no_timestamps=tokenizer.no_timestamps,
        timestamp_begin=tokenizer.timestamp_begin,
        languages=languages,
        words=words,
        used=tuple(sorted(text | control | timestamps)),
    )
