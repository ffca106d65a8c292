"""Which phrases are spoken, by whom and how: seeded draws, with the held-out texts kept out of training."""

from __future__ import annotations

import random
from collections.abc import Collection

from training.nano_whisper.synthesise import Speech, Voice
from training.nano_whisper.vocabulary import ENGLISH, KOREAN, WORDS, Language

ENGLISH_VOICES: tuple[Voice, ...] = ("slt", "rms")
KOREAN_VOICE: Voice = "ko"
#: Share of natural phrases that are Korean (8 words need fewer examples than 24).
KOREAN_SHARE = 0.22


def language_of(voice: Voice) -> Language:
    """The language a voice speaks."""
    return "ko" if voice == KOREAN_VOICE else "en"


def single_words(seed: int, takes: int = 8) -> list[Speech]:
    """Every word alone, ``takes`` times in every voice of its language, for cut-and-paste phrases."""
    draw = random.Random(seed)
    voices: dict[Language, tuple[Voice, ...]] = {"en": ENGLISH_VOICES, "ko": (KOREAN_VOICE,)}
    return [
        Speech(word, voice, stretch=draw.uniform(0.85, 1.2), pitch=draw.randint(30, 60))
        for language, words in WORDS.items()
        for word in words
        for voice in voices[language]
        for _ in range(takes)
    ]


def _phrase(draw: random.Random, voice: Voice, shortest: int) -> Speech:
    words, longest = (KOREAN, 4) if voice == KOREAN_VOICE else (ENGLISH, 6)
    text = " ".join(draw.choice(words) for _ in range(draw.randint(shortest, longest)))
    return Speech(text, voice, stretch=draw.uniform(0.9, 1.15), pitch=draw.randint(35, 60))


def training_phrases(seed: int, count: int, excluded: Collection[str]) -> list[Speech]:
    """``count`` natural phrases, none of whose texts is in ``excluded``."""
    draw = random.Random(seed)
    phrases: list[Speech] = []
    while len(phrases) < count:
        korean = draw.random() < KOREAN_SHARE
        phrase = _phrase(draw, KOREAN_VOICE, 1) if korean else _phrase(draw, draw.choice(ENGLISH_VOICES), 2)
        if phrase.text not in excluded:
            phrases.append(phrase)
    return phrases


def held_out_phrases(seed: int, english: int = 80, korean: int = 20) -> list[Speech]:
    """Phrases with texts all different, that training must exclude (natural and cut-and-paste alike).

    English 2 to 6 words, Korean 2 to 4: single words cannot be unseen in a closed vocabulary.
    """
    draw = random.Random(seed)
    phrases: dict[str, Speech] = {}
    for count, voices in ((english, ENGLISH_VOICES), (korean, (KOREAN_VOICE,))):
        wanted = len(phrases) + count
        while len(phrases) < wanted:
            phrase = _phrase(draw, draw.choice(voices), 2)
            phrases.setdefault(phrase.text, phrase)
    return list(phrases.values())
