"""Whisper's tokenizer in Hugging Face form, rebuilt from the tiktoken file inside the openai-whisper wheel.

A tiktoken file has ranks and no merges. A token of rank r is made by merging two tokens of lower rank, and which two
comes out of running byte-pair encoding on its bytes with only the ranks below r (all 50,000 multi-byte tokens do end
in two).
"""

from __future__ import annotations

import base64
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

END_OF_TEXT = "<|endoftext|>"


def read_ranks() -> dict[bytes, int]:
    """Token bytes to rank (= id), from ``whisper/assets/multilingual.tiktoken``."""
    text = (files("whisper") / "assets" / "multilingual.tiktoken").read_text("ascii")
    pairs = (line.split() for line in text.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def _byte_characters() -> list[str]:
    """GPT-2's printable character for every byte (``bytes_to_unicode`` of openai/gpt-2 ``encoder.py``)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (chr(256 + index) for index in range(256))
    return [chr(byte) if byte in printable else next(others) for byte in range(256)]


def _parents(token: bytes, rank: int, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The two tokens that were merged into this one. Raises ValueError where there are not exactly two."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        merged = [ranks.get(left + right, rank) for left, right in pairwise(parts)]
        best = min(merged)
        if best >= rank:
            raise ValueError(f"token {rank} ({token!r}) is no merge of two lower tokens")
        place = merged.index(best)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts[0], parts[1]


def special_tokens() -> dict[str, int]:
    """Control, language and timestamp tokens with their ids, ascending, as openai-whisper numbers them."""
    from whisper.tokenizer import get_encoding

    encoding = get_encoding("multilingual")
    specials: dict[str, int] = encoding._special_tokens  # tiktoken offers the names publicly, the ids only here
    return dict(sorted(specials.items(), key=lambda item: item[1]))


def is_timestamp(token: str) -> bool:
    """Whether the token is one of <|0.00|> to <|30.00|>."""
    return token[2:3].isdigit()


def write_tokenizer(folder: Path) -> None:
    """Write ``tokenizer.json`` (ids equal to tiktoken's). Raises ValueError where an id would differ."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    ranks, characters = read_ranks(), _byte_characters()

    def printable(token: bytes) -> str:
        return "".join(characters[byte] for byte in token)

    ascending = sorted(ranks.items(), key=lambda item: item[1])
    parents = (_parents(token, rank, ranks) for token, rank in ascending if len(token) > 1)
    merges = [(printable(left), printable(right)) for left, right in parents]
    tokenizer = Tokenizer(models.BPE(vocab={printable(t): r for t, r in ascending}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = special_tokens()
    control = [AddedToken(name, special=True, normalized=False) for name in specials if not is_timestamp(name)]
    times = [AddedToken(name, special=False, normalized=False) for name in specials if is_timestamp(name)]
    tokenizer.add_special_tokens(control)
    tokenizer.add_tokens(times)
    for name, token in specials.items():
        if tokenizer.token_to_id(name) != token:
            raise ValueError(f"{name} became {tokenizer.token_to_id(name)}, openai-whisper has {token}")
    tokenizer.save(str(folder / "tokenizer.json"))
