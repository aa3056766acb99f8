"""Which composites of a build are kept: exact caps, duplicates, contamination, splits. Decided in the order of indices."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from composekit._errors import bad_type, bad_value
from composekit.compose._build_shards import Entry


def check_splits(splits: Mapping[str, float]) -> dict[str, float]:
    """The splits as they were given, if they make sense.

    Raises:
        ArgumentTypeError, ArgumentError: a name is no plain word, a share is not positive, or the shares do not sum to 1.
    """
    if not isinstance(splits, Mapping):
        raise bad_type(
            "build", "splits", "map names to shares", type(splits).__name__, "Write {'train': 0.9, 'test': 0.1}"
        )
    for name, share in splits.items():
        if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum():
            raise bad_value(
                "build", "splits", "have names of letters and digits", repr(name), "They become part of file names"
            )
        if isinstance(share, bool) or not isinstance(share, int | float) or not share > 0:
            raise bad_value("build", f"splits[{name!r}]", "be a positive share", repr(share), "Leave empty splits out")
    if abs(sum(splits.values()) - 1) > 1e-9:
        raise bad_value("build", "splits", "sum to 1", sum(splits.values()), "Write shares such as 0.9 and 0.1")
    return {name: float(share) for name, share in splits.items()}


def split_of(problem_id: str, splits: Mapping[str, float]) -> str:
    """The split of the composites that a problem closes: by a hash of its id, the same in every build.

    Example:
        >>> {split_of(f"problem {i}", {"train": 0.5, "test": 0.5}) for i in range(9)} == {"train", "test"}
        True
    """
    point = int.from_bytes(hashlib.blake2b(problem_id.encode(), digest_size=8).digest()) / 2**64
    for name, edge in zip(splits, accumulate(splits.values()), strict=True):
        if point < edge:
            return name
    return list(splits)[-1]  # the shares sum to 1 only as floats do


@dataclass
class Choice:
    """Decides on one composite after another.

    Args:
        size: How many to keep, None: all that pass.
        max_per_problem: In how many composites a problem may be a part, of any place.
        max_per_last: In how many composites a problem may be the last part.
        max_per_answer: How many composites may have the same answer.
        splits: The shares of the splits; empty: none.
    """

    size: int | None
    max_per_problem: int | None
    max_per_last: int | None
    max_per_answer: int | None
    splits: Mapping[str, float]
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    per_split: Counter[str] = field(default_factory=Counter)
    _problems: Counter[str] = field(default_factory=Counter)
    _lasts: Counter[str] = field(default_factory=Counter)
    _answers: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether as many are kept as were asked for."""
        return self.size is not None and self.kept >= self.size

    def choose(self, entries: list[Entry]) -> Iterator[tuple[Entry, str]]:
        """The entries that are kept, each with its split, until there are enough."""
        for entry in entries:
            if self.full:
                return
            reason = self._objection(entry)
            if reason is not None:
                self.dropped[reason] += 1
                continue
            self._count(entry)
            split = split_of(entry.parts[-1], self.splits) if self.splits else ""
            self.per_split[split] += 1
            yield entry, split

    def _objection(self, entry: Entry) -> str | None:
        if entry.contaminated:
            return "contaminated"
        if entry.key in self._seen:
            return "duplicate"
        if self.max_per_last is not None and self._lasts[entry.parts[-1]] >= self.max_per_last:
            return "max_per_last"
        if self.max_per_problem is not None and any(self._problems[p] >= self.max_per_problem for p in entry.parts):
            return "max_per_problem"
        if self.max_per_answer is not None and self._answers[entry.answer] >= self.max_per_answer:
            return "max_per_answer"
        return None

    def _count(self, entry: Entry) -> None:
        self.kept += 1
        self._seen.add(entry.key)
        if self.max_per_last is not None:
            self._lasts[entry.parts[-1]] += 1
        if self.max_per_problem is not None:
            self._problems.update(set(entry.parts))
        if self.max_per_answer is not None:
            self._answers[entry.answer] += 1
