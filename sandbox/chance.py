"""Chance without order: every draw is named, so the same seed and name give the same answer.

A shared random stream would make each outcome depend on how many were drawn before it, and so on
the order in which threads and retries happened to arrive.
"""

from __future__ import annotations

import hashlib
import random
import string

_ALPHABET = string.digits + string.ascii_letters


class Chance:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def unit(self, *name: object) -> float:
        """One number in [0, 1) for this name."""
        return int.from_bytes(self._digest(name)[:7]) / float(1 << 56)

    def rng(self, *name: object) -> random.Random:
        """A stream of its own for this name."""
        return random.Random(int.from_bytes(self._digest(name)[:8]))

    def token(self, length: int, *name: object) -> str:
        """Letters and digits, as in Stripe's ids. At most 40."""
        number = int.from_bytes(self._digest(name))
        letters = []
        for _ in range(length):
            number, index = divmod(number, 62)
            letters.append(_ALPHABET[index])
        return "".join(letters)

    def _digest(self, name: tuple[object, ...]) -> bytes:
        text = "\x1f".join(str(part) for part in (self.seed, *name))
        return hashlib.sha256(text.encode(errors="backslashreplace")).digest()
