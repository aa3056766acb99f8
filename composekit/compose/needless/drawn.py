r"""Numbers that a drawing shows to whoever measures it: lengths and angles between the points of Asymptote code."""

from __future__ import annotations

import cmath
import math
import re
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

from composekit.compose.tokens import Constant

MAX_POINTS = 12
_CODE = re.compile(r"\[asy\](.*?)\[/asy\]", re.DOTALL)
_COORDINATE = r"\s{0,3}(-?(?:[0-9]{1,6}/[1-9][0-9]{0,3}|[0-9]{1,6}(?:\.[0-9]{1,8})?|\.[0-9]{1,8}))\s{0,3}"
_POINT = re.compile(rf"(?<![a-z])\({_COORDINATE},{_COORDINATE}\)")
_ROOT = re.compile(r"sqrt\(([0-9]{1,9})\)")
_NOT_DRAWN = re.compile(r"\blabel\s?\([^;\n]{0,200};|\bunitsize[^;]{0,80};|\bsize\s?\([^;]{0,80};")
_DEGREES = re.compile(r"\$?\s?(?:\^\{?\\circ|degrees|\u00b0)")
_TIMES_ANGLE = re.compile(r"\s?\\angle(?![a-z])")
_RATIO = re.compile(r"\\?(sin|cos|tan)\s?(?:\{?\\?(?:angle )?[A-Z]{1,3}\}?|\([A-Z]\))\s?=\s?\Z")
SHORTEST = 3  # shorter lengths are met by chance


def drawn(text: str, constant: Constant) -> str:
    """Why a reader can measure the number in the drawing of a problem; empty where there is none, or nothing like it."""
    if "[asy]" not in text or constant.kind not in ("digits", "fraction"):
        return ""
    lengths, angles = _measures(text)
    worth = float(constant.value)
    ratio = _RATIO.search(text[max(constant.span[0] - 30, 0) : constant.span[0]])
    if ratio is not None:
        function = {"sin": math.sin, "cos": math.cos, "tan": math.tan}[ratio[1]]
        found = any(math.isclose(function(math.radians(angle)), worth, rel_tol=1e-3) for angle in angles if angle != 90)
    elif _TIMES_ANGLE.match(text, constant.span[1]):
        found = any(math.isclose(a, worth * b, rel_tol=1e-6) for a in angles for b in angles if b)
    elif _DEGREES.match(text, constant.span[1]):
        found = any(abs(angle - worth) < 0.05 for angle in angles)
    else:
        found = worth >= SHORTEST and any(math.isclose(length, worth, rel_tol=1e-3) for length in lengths)
    return "the drawing shows it to scale" if found else ""


@lru_cache(maxsize=256)
def _measures(text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The distances of the points in the drawings of a text, and the angles between them in degrees."""
    code = " ".join(_NOT_DRAWN.sub(" ", match[1]) for match in _CODE.finditer(text))
    code = _ROOT.sub(lambda match: f"{math.sqrt(int(match[1])):.6f}", code)
    points = list(dict.fromkeys(complex(float(Fraction(x)), float(Fraction(y))) for x, y in _POINT.findall(code)))
    if not 2 < len(points) <= MAX_POINTS:
        return (), ()
    lengths = {abs(a - b) for a, b in combinations(points, 2)}
    angles: set[float] = set()
    for top in points:
        rays = [p - top for p in points if p != top]
        angles |= {round(abs(math.degrees(cmath.phase(a / b))), 6) for a, b in combinations(rays, 2)}
    return tuple(lengths), tuple(angles)
