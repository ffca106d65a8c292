"""Text that every database and every JSON reader takes."""

from __future__ import annotations

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean_text(text: str) -> str:
    """`text` with NUL and lone surrogates turned into U+FFFD.

    PostgreSQL's text cannot hold NUL (its manual, section 8.3), and UTF-8 has no surrogates (RFC 3629, section 3).
    """
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
