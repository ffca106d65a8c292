"""Refuse texts that can never be embedded, naming the field and the index."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.serving.errors import InputTooLarge, InvalidInput


def check_sizes(texts: Sequence[str], *, field: str, max_chars: int, max_texts: int) -> None:
    """Raises:
    InvalidInput: no text at all, or an empty one.
    InputTooLarge: too many texts, or one with too many characters.
    """
    if not texts:
        raise InvalidInput(f"{field} is empty; send at least one text", field=field)
    if len(texts) > max_texts:
        raise InputTooLarge(
            f"{field} holds {len(texts)} texts, at most {max_texts} are allowed; send several requests",
            field=field,
            limit=max_texts,
            actual=len(texts),
        )
    for index, text in enumerate(texts):
        if not text:
            raise InvalidInput(f"{field}[{index}] is an empty text", field=field, index=index)
        if len(text) > max_chars:
            raise InputTooLarge(
                f"{field}[{index}] has {len(text)} characters, at most {max_chars} are allowed; split it",
                field=field,
                index=index,
                limit=max_chars,
                actual=len(text),
            )


def check_unicode(texts: Sequence[str], *, field: str) -> None:
    """Raises:
    InvalidInput: a text holds a lone surrogate, which no tokenizer and no UTF-8 can carry.
    """
    for index, text in enumerate(texts):
        if text.isascii():
            continue
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(
                f"{field}[{index}] is not valid Unicode: a lone surrogate (U+{ord(text[error.start]):04X}) "
                f"at character {error.start}; remove it or send its pair",
                field=field,
                index=index,
                position=error.start,
            ) from None
