"""The small functions that code problems are about: description, source, an oracle that works differently, likely bugs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from composekit.compose.generators.stream import Stream

P = Mapping[str, Any]


@dataclass(frozen=True)
class Routine:
    """A function with parameters, from which tasks of writing and of repairing are made.

    Args:
        entry_point: Its name.
        arguments: Its arguments, as in the definition.
        task: What it does: a sentence that starts with a verb. ``<a>`` stands for parameter a.
        ranges: The parameters.
        body: The correct source after the first line, with ``<a>`` for parameter a.
        bugs: Replacements of a piece of the source that make it wrong; each is caught by a test.
        oracle: The value for parameters and arguments, computed in another way than the source does.
        inputs: Arguments of one test, from a stream and a size between 0 (least) and 1.
        level: Difficulty, 1 to 5.
    """

    entry_point: str
    arguments: str
    task: str
    ranges: Mapping[str, Sequence[int]]
    body: str
    bugs: tuple[tuple[str, str], ...]
    oracle: Callable[..., Any]
    inputs: Callable[[Stream, P, float], list[Any]]
    level: int

    @property
    def signature(self) -> str:
        """The call, as the prompt shows it."""
        return f"{self.entry_point}({self.arguments})"

    def draw(self, rng: Stream) -> dict[str, int]:
        """Parameters."""
        return {name: rng.choice(values) for name, values in self.ranges.items()}

    def source(self, p: P) -> str:
        """The correct function."""
        return _fill(f"def {self.signature}:\n{self.body}", p)

    def buggy(self, p: P, bug: int) -> str:
        """The function with one of the bugs."""
        right, wrong = self.bugs[bug]
        return _fill(f"def {self.signature}:\n{self.body.replace(right, wrong, 1)}", p)


def _fill(text: str, p: P) -> str:
    for name, value in p.items():
        text = text.replace(f"<{name}>", str(value))
    return text


def _letters(rng: Stream, size: float) -> str:
    known = "abcdefghijklmnopqrstuvwxyz  ,.XYZ0123456789"
    return "".join(rng.choice(known) for _ in range(round(30 * size))) + "wxyzABXYZ789!"


def _shifted(p: P, text: str) -> str:
    plain, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
    wheels = ((plain, p["k"]), (plain.upper(), p["u"]), (digits, p["j"]))
    after = "".join(wheel[turn:] + wheel[:turn] for wheel, turn in wheels)
    return text.translate(str.maketrans("".join(wheel for wheel, _ in wheels), after))


def _around(rng: Stream, p: P, size: float) -> list[Any]:
    """Values around the limits t and u; every run comes after a value outside, and many values are equal to a limit."""
    low, high = p["t"], p["u"]
    middle = [rng.choice((low - 1, low, low + 1, high - 1, high, high + 1)) for _ in range(round(16 * size))]
    return [[low - 1, low, low, low, high, high, high + 1, *middle, low - 1, low + 3, high + 1, low]] if size else [[]]


def _longest_run(p: P, values: list[int]) -> int:
    marks = "".join("x" if p["t"] <= v <= p["u"] else " " for v in values)
    return max(map(len, marks.split()), default=0)


def _rising(rng: Stream, p: P, size: float) -> list[Any]:
    """Negative to positive values that rise, so that the best window is the last one; some lie above the cap."""
    length = round(size * 14) + p["k"] * (size > 0.05)
    return [[p["c"] + (1 if i == length - 1 else rng.between(-7, -1) - 5 * (length - i)) for i in range(length)]]


def _best_window(p: P, values: list[int]) -> int:
    sums = [0]
    for v in values:
        sums.append(sums[-1] + min(v, p["c"]))
    return max((b - a for a, b in zip(sums, sums[p["k"] :], strict=False)), default=0)


def _in_base(p: P, n: int) -> str:
    n, width = n + p["z"], p["w"]
    while p["b"] ** width <= n:
        width += 1
    return "".join(str(n // p["b"] ** place % p["b"]) for place in reversed(range(width)))


ROUTINES = (
    Routine(
        "sum_of_multiples",
        "n",
        "returns the sum of all positive whole numbers below n that are divisible by <a> or by <b> but not by <c>. "
        "A number divisible by both <a> and <b> counts once.",
        {"a": range(3, 60, 2), "b": range(4, 61, 2), "c": (61, 67, 71, 73, 79, 83, 89, 97)},
        """\
    total = 0
    for i in range(1, n):
        if (i % <a> == 0 or i % <b> == 0) and i % <c> != 0:
            total += i
    return total""",
        (
            (" or ", " and "),
            ("range(1, n)", "range(1, n + 1)"),
            ("total += i", "total += 1"),
            (" and i % <c> != 0", ""),
        ),
        lambda p, n: sum((set(range(0, n, p["a"])) | set(range(0, n, p["b"]))) - set(range(0, n, p["c"]))),
        lambda rng, p, size: [p["a"] * (rng.between(2, 9) + p["c"] * round(2 * size)) if size else 0],
        1,
    ),
    Routine(
        "weigh_digits",
        "n",
        "returns <w> times the number of digits <d> plus <v> times the number of digits 9 in the decimal notation of "
        "the whole number n >= 0.",
        {"d": range(2, 9), "w": range(11, 90), "v": range(11, 90)},
        """\
    weight = 0
    while n > 0:
        n, digit = divmod(n, 10)
        if digit == <d>:
            weight += <w>
        elif digit == 9:
            weight += <v>
    return weight""",
        (("== <d>", ">= <d>"), ("+= <w>", "+= digit"), ("n > 0", "n > 9"), ("+= <v>", "= <v>"), ("== 9", "> 9")),
        lambda p, n: p["w"] * str(n).count(str(p["d"])) + p["v"] * str(n).count("9"),
        lambda rng, p, size: [int(f"{p['d']}89{p['d']}9" + str(rng.below(10 ** round(1 + 9 * size)))) if size else 0],
        2,
    ),
    Routine(
        "shift_text",
        "text",
        "returns the text in which every lower-case letter from a to z is replaced by the letter <k> places later in "
        "the alphabet (a follows after z), every capital letter from A to Z by the one <u> places later (A follows "
        "after Z), and every digit by the digit <j> places later (0 follows after 9). All other characters stay as "
        "they are.",
        {"k": range(3, 23), "u": range(3, 23), "j": range(2, 9)},
        """\
    out = ""
    for c in text:
        if "a" <= c <= "z":
            c = chr((ord(c) - 97 + <k>) % 26 + 97)
        elif "A" <= c <= "Z":
            c = chr((ord(c) - 65 + <u>) % 26 + 65)
        elif "0" <= c <= "9":
            c = str((int(c) + <j>) % 10)
        out += c
    return out""",
        (
            ("+ <k>)", "- <k> + 1)"),
            (") % 26", ")"),
            (") % 10", ")"),
            ('"a" <= c <= "z"', "c.isalpha()"),
            ("+ <u>)", "- <u> + 1)"),
            ("out += c", "out = c + out"),
        ),
        _shifted,
        lambda rng, p, size: [_letters(rng, size)],
        3,
    ),
    Routine(
        "longest_run",
        "values",
        "returns the length of the longest run of neighbouring values in the list that all lie between <t> and <u>, "
        "both included. For a list without such values it returns 0.",
        {"t": range(11, 1000), "u": range(1010, 4000)},
        """\
    best = current = 0
    for v in values:
        if <t> <= v <= <u>:
            current += 1
            best = max(best, current)
        else:
            current = 0
    return best""",
        (
            ("<t> <= v", "<t> < v"),
            ("v <= <u>", "v < <u>"),
            ("<t> <= v <= <u>", "<t> <= v"),
            ("current = 0\n    return", "current = 1\n    return"),
            ("return best", "return current"),
            ("max(best, current)", "current"),
        ),
        _longest_run,
        _around,
        3,
    ),
    Routine(
        "best_window",
        "values",
        "returns the largest sum of <k> neighbouring values of the list, after every value above <c> has been cut down to "
        "that. For a shorter list it returns 0.",
        {"k": range(3, 12), "c": range(11, 5000)},
        """\
    best = None
    for i in range(len(values) - <k> + 1):
        s = sum(min(v, <c>) for v in values[i : i + <k>])
        if best is None or s > best:
            best = s
    return 0 if best is None else best""",
        (
            ("- <k> + 1", "- <k>"),
            ("s > best", "s < best"),
            ("values[i : i + <k>]", "values[i : i + <k> - 1]"),
            ("min(v, <c>)", "v"),
            ("return 0 if best is None else best", "return best"),
        ),
        _best_window,
        _rising,
        4,
    ),
    Routine(
        "to_base",
        "n",
        "returns the notation of <z> + n in base <b>, for a whole number n >= 0, as a string of digits that is filled "
        "up with zeros on the left to at least <w> digits.",
        {"b": range(2, 10), "w": range(12, 40), "z": range(11, 500)},
        """\
    digits = ""
    n += <z>
    while n > 0:
        digits = str(n % <b>) + digits
        n //= <b>
    return digits.rjust(<w>, "0")""",
        (
            ("str(n % <b>) + digits", "digits + str(n % <b>)"),
            ('.rjust(<w>, "0")', ""),
            ("n > 0", "n >= <b>"),
            ("rjust", "ljust"),
            ("n += <z>", "n = <z>"),
        ),
        _in_base,
        lambda rng, p, size: [rng.between(p["b"], 10 ** round(1 + 6 * size)) * p["b"] if size else 0],
        4,
    ),
)
