"""Random numbers from a counter: the same everywhere, unrelated for different keys."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import TypeVar

_T = TypeVar("_T")
_WORDS = Struct("<8Q")
_WORD = 1 << 64


class Stream:
    """Random numbers that are a function of a key alone, the same on every machine and in every version of Python.

    The key, for example ``("physics", seed, i)``, is hashed together with a block counter (BLAKE2b). Streams of different
    keys are unrelated, so neither neighbouring seeds nor neighbouring indices overlap, as they do with ``seed + i``.

    Example:
        >>> Stream("demo", 0, 7).between(1, 100) == Stream("demo", 0, 7).between(1, 100)
        True
    """

    def __init__(self, *key: int | str) -> None:
        self._key = repr(key).encode()
        self._block = 0
        self._words: list[int] = []

    def _word(self) -> int:
        if not self._words:
            digest = blake2b(self._block.to_bytes(8, "little") + self._key, digest_size=64).digest()
            self._words.extend(_WORDS.unpack(digest))
            self._block += 1
        return self._words.pop()

    def below(self, n: int) -> int:
        """A uniform integer from 0 to n - 1; words that would favour small values are drawn again."""
        if 0 < n < _WORD:  # nearly always
            limit = _WORD - _WORD % n
            while True:
                word = self._words.pop() if self._words else self._word()
                if word < limit:
                    return word % n
        width = max(1, -(-n.bit_length() // 64))
        limit = (1 << 64 * width) // n * n
        while True:
            drawn = 0
            for _ in range(width):
                drawn = drawn << 64 | self._word()
            if drawn < limit:
                return drawn % n

    def between(self, low: int, high: int) -> int:
        """A uniform integer from low to high, both included."""
        return low + self.below(high - low + 1)

    def unit(self) -> float:
        """A uniform float in [0, 1)."""
        return self.below(2**53) / 2**53

    def choice(self, items: Sequence[_T]) -> _T:
        """One of the items."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[_T], k: int) -> list[_T]:
        """k different items, in random order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(k)]


def scaled(rng: Stream, level: int, low: int = 11, high: int = 40) -> int:
    """A number that grows with the level: low to high at level 1, then twice as large with every further level."""
    return rng.between(low if level == 1 else high * 2 ** (level - 2), high * 2 ** (level - 1))
