"""API keys: `Authorization: Bearer <key>` or `x-api-key: <key>`, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from deployments.serving.errors import Unauthorized

_HOW = "Send it as `Authorization: Bearer <key>` or `x-api-key: <key>`."


class ApiKeys:
    """The keys that open a service. Holds their hashes only."""

    __slots__ = ("_digests",)

    def __init__(self, keys: Iterable[str]) -> None:
        # surrogateescape: a key in the environment may hold any bytes. Hashing makes all comparisons equally long,
        # so that not even the length of a key shows.
        self._digests = tuple(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest() for key in keys)

    def __bool__(self) -> bool:
        """Whether a key is asked for at all."""
        return bool(self._digests)

    def check(self, authorization: bytes | None, api_key: bytes | None) -> None:
        """Check the raw values of the two headers; either one with a right key is enough.

        Raises:
            Unauthorized: no key was sent, or no right one.
        """
        presented = [] if api_key is None else [api_key.strip()]
        if authorization is not None:
            scheme, _, credentials = authorization.strip().partition(b" ")
            if scheme.lower() == b"bearer":
                presented.append(credentials.strip())
        if not presented:
            raise Unauthorized(f"This service asks for an API key. {_HOW}")
        # Every presented key meets every known one: no early exit tells which of them was near.
        accepted = False
        for key in presented:
            digest = hashlib.sha256(key).digest()
            for known in self._digests:
                accepted |= hmac.compare_digest(digest, known)
        if not accepted:
            raise Unauthorized(f"The API key was not accepted. {_HOW}")
