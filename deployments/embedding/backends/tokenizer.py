"""Text to token ids with a Rust tokenizer, safe in several threads."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.embedding.types import TokenizedText


class TextTokenizer:
    """Truncation is set at loading: `transformers` sets it on every call, which two threads must not do at once.

    Args:
        definition: the tokenizer as JSON (`tokenizer.json`).
        max_tokens: longest sequence, special tokens included.
        prompt: text in front of every input.
    """

    def __init__(self, definition: str, *, max_tokens: int, prompt: str = "") -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(definition)
        self._direction = (self._tokenizer.truncation or {}).get("direction", "right")
        self._tokenizer.no_padding()
        self._special_tokens: int = self._tokenizer.num_special_tokens_to_add(False)
        self._prompt = prompt
        self.truncate_at(max_tokens)

    def truncate_at(self, max_tokens: int) -> None:
        """Another longest sequence. Only while no other thread uses the tokenizer."""
        self._tokenizer.enable_truncation(max_length=max_tokens, direction=self._direction)

    def __call__(self, texts: Sequence[str]) -> list[TokenizedText]:
        encodings = self._tokenizer.encode_batch_fast([self._prompt + text for text in texts])
        return [
            TokenizedText(
                ids=tuple(encoding.ids),
                # What was cut off comes back in pieces, each with its own special tokens.
                tokens=len(encoding) + sum(len(piece) - self._special_tokens for piece in encoding.overflowing),
            )
            for encoding in encodings
        ]
