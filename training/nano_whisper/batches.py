"""Batches: mels padded as the runtimes pad them, Whisper's token sequences, and the two auxiliary targets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.nano_whisper.examples import Example
from training.nano_whisper.model import AUDIO_POSITIONS, FAR_POSITIONS, N_MELS, FarPadding
from training.nano_whisper.vocabulary import WORDS, token_ids

IGNORED = -100
#: Classes of the frame-wise word loss: 0 is "no word".
WORD_CLASSES = {word: 1 + index for index, word in enumerate(word for words in WORDS.values() for word in words)}


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step; token ids are compact (positions in ``token_ids().used``)."""

    mel: Any  # (batch, 80, frames)
    tokens: Any  # (batch, length) decoder input
    targets: Any  # (batch, length), IGNORED where nothing is asked
    frame_words: Any  # (batch, frames // 2 - 2) word class of every encoder position, IGNORED where unknown
    #: (row, token position, first and end encoder position): where the decoder should look while it writes a token.
    guides: list[tuple[int, int, int, int]]
    far: FarPadding


@dataclass(frozen=True, slots=True)
class Placement:
    """How one example lies in its window: frames of padding before it and after it, and gain in log10 power."""

    offset: int
    tail: int
    gain: float


def _place(draw: random.Random, augment: bool) -> Placement:
    if not augment:
        return Placement(0, 0, 0.0)
    offset = draw.choice((0, draw.randint(0, 80)))
    tail = draw.choice((0, draw.randint(0, 60)))
    return Placement(offset, tail, draw.uniform(-1.0, 0.6))


def _token_sequence(
    example: Example, offset: int, draw: random.Random, augment: bool
) -> tuple[list[int], list[int], int]:
    """Decoder input, its targets (full ids), and the position whose target is the first word token.

    Half with timestamps, half without. Silence asks for <|nospeech|> right after <|startoftranscript|>, as Whisper's
    own training does; without timestamps it ends at once or after <|0.00|>, because decoders forbid an empty text
    (``suppress_blank``) and their second choice should then be a token that is no text.
    """
    ids = token_ids()
    language = ids.languages[example.language]
    words = ids.of_words(example.words)
    first = language if words else ids.no_speech
    prompt = [ids.start_of_transcript, language, ids.transcribe]
    if augment and draw.random() < 0.5:
        end = [ids.timestamp((example.speech_end + offset) / 100)] if words else []
        body = [ids.timestamp_begin, *words, *end, ids.end_of_text]
        return [*prompt, *body[:-1]], [first, IGNORED, *body], len(prompt)
    blank = [ids.timestamp_begin] if not words and draw.random() < 0.3 else []
    body = [*words, *blank, ids.end_of_text]
    return [*prompt, ids.no_timestamps, *body[:-1]], [first, IGNORED, IGNORED, *body], len(prompt)


def make_batch(examples: Sequence[Example], draw: random.Random, augment: bool = True) -> Batch:
    """Pad, scale and label the examples. Without ``augment``: no offset, no gain, no timestamps (for evaluation)."""
    import torch

    places = [_place(draw, augment) for _ in examples]
    longest = max(e.log_mel.shape[1] + p.offset + p.tail for e, p in zip(examples, places, strict=True))
    frames = (longest + draw.randint(8, 80) + 1) // 2 * 2 + 4
    near = frames // 2 - 2
    mel = torch.zeros(len(examples), N_MELS, frames)
    frame_words = torch.full((len(examples), near), IGNORED)
    sequences: list[tuple[list[int], list[int]]] = []
    guides: list[tuple[int, int, int, int]] = []
    for row, (example, place) in enumerate(zip(examples, places, strict=True)):
        scaled, floor = _scaled(example.log_mel, place)
        # transformers pads the audio (so the mel is at its floor), the two others pad the mel with zeros.
        mel[row] = floor if draw.random() < 0.5 else 0.0
        mel[row, :, : scaled.shape[1]] = scaled
        tokens, targets, first_word = _token_sequence(example, place.offset, draw, augment)
        sequences.append((tokens, targets))
        if example.spans is not None:
            frame_words[row] = 0
            _label_words(example, place.offset, frame_words[row], guides, row, first_word)
    compact = {token: index for index, token in enumerate(token_ids().used)}
    length = max(len(tokens) for tokens, _ in sequences)
    end = token_ids().end_of_text
    inputs = [[compact[t] for t in ts] + [compact[end]] * (length - len(ts)) for ts, _ in sequences]
    wanted = [[compact.get(t, IGNORED) for t in ts] + [IGNORED] * (length - len(ts)) for _, ts in sequences]
    weight = (AUDIO_POSITIONS - near) / FAR_POSITIONS
    far = [min(AUDIO_POSITIONS - 1, int(near + weight * (k + draw.random()))) for k in range(FAR_POSITIONS)]
    return Batch(
        mel, torch.tensor(inputs), torch.tensor(wanted), frame_words, guides, FarPadding(torch.tensor(far), weight)
    )


def _scaled(log_mel: Any, place: Placement) -> tuple[Any, float]:
    """Whisper's scaling, (max(x, peak - 8) + 4) / 4 (``log_mel_spectrogram``), after gain; and what silence becomes."""
    import torch
    from torch.nn import functional

    padded = functional.pad(log_mel, (place.offset, place.tail), value=-10.0)
    louder = torch.clamp(padded + place.gain, min=-10.0)
    peak = float(louder.max())
    return (torch.clamp(louder, min=peak - 8) + 4) / 4, (max(peak - 8, -10.0) + 4) / 4


def _label_words(
    example: Example, offset: int, frame_words: Any, guides: list[tuple[int, int, int, int]], row: int, position: int
) -> None:
    """Mark the encoder positions (two frames each, one off either edge) of every word."""
    assert example.spans is not None
    for word, (start, end) in zip(example.words, example.spans, strict=True):
        first, stop = int((start + offset) / 2 + 1), int((end + offset) / 2 - 1)
        frame_words[first:stop] = WORD_CLASSES[word]
        for _ in token_ids().words[word]:
            guides.append((row, position, first, stop))
            position += 1
