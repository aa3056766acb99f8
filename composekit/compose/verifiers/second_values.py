r"""Second values beside a box, in any layout: ``\boxed{18} or twenty``, ``\boxed{18} -> 20``, ``20 (60%), \boxed{18}``.

What is found is only offered, like formulas are: whoever asked compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from composekit.compose.verifiers.exactmath.worded import number_word
from composekit.compose.words import CARDINALS

CLOSED = r"(?:[$*)\]}\s]|\\[)\]!,; ]){0,12}"
VALUE = r"(?P<{}>[-−]?\\?\$?\d[\d,]{{0,30}}(?:\.\d{{1,30}})?|\(?\b[A-Z]\b\)?)(?![\w^\\%/°])"
_IN_WORDS = rf"(?:{'|'.join((*CARDINALS, 'hundred', 'thousand'))})(?![a-z])"
_HEDGE = r"(?:alt(?:ernative(?:ly)?)?|or|maybe|perhaps|possibly|else|otherwise)"
_SHARE = r"\s?[(\[]?\s?\d{1,3}(?:\.\d)?\s?\\?%"
_ENDS = r"[ \t$*.)\\]{0,9}(?:\n|\Z)"
_ARROW = (
    r"(?:-{1,2}>|=>|[→⟹⇒➜➔–—…]|--|\.{2,3}|to\b|[~:]|\{,\}|and/or|\\\\|(?i:xor\b)|&&|\|\||[∪∩∧∨]"
    r"|(?:[;,]\s?|and\s|&\s|\\&\s)?also\b|\\&|(?:as\swell\sas|along\swith)\b|\\(?:cup|cap|wedge|vee|lor|land)(?![A-Za-z])"
    r"|\\(?:to|rightarrow|Rightarrow|implies|sim|mid|text\{--\}))"
)
_BEHIND = tuple(
    re.compile(CLOSED + pattern)
    for pattern in (
        rf"[,;(]?\s{{0,3}}(?i:{_HEDGE})\b,?\s{{1,3}}(?P<value>(?i:{_IN_WORDS})(?:[ -](?:and )?{_IN_WORDS}){{0,6}})"
        rf"(?=[\s$*).!]{{0,6}}(?:\n|\Z)|[.,;)])",
        rf"[,;(]?\s{{0,3}}(?:unless|if not)\s(?:it|this|that|the\sanswer)(?:['’]s|\sis)"
        rf"\s[$*(\\]{{0,4}}{VALUE.format('value')}",
        rf"[(\[]?\s?{VALUE.format('value')}[$*]{{0,3}}\s(?:otherwise|if\s(?:that|it|this|not|I)\b)",
        rf"or,?\s(?:if|in\scase)\s[^.,\n]{{1,30}},\s[$*\\]{{0,3}}{VALUE.format('value')}",
        r"(?i:(?:an)?other|backup|alternative|second)\s(?:\w{1,12}\s){0,2}(?:answer|value|result|choice|guess)\s?(?:[:=]|is\b)\s?[$*\\]{0,4}"
        rf"{VALUE.format('value')}",
        rf"[(\[]\s?(?i:{_HEDGE})\b[.,:]{{0,2}}\s?[$*\\]{{0,3}}{VALUE.format('value')}",
        rf"\\footnote\s?\{{\s?(?i:{_HEDGE})\b[.,:]{{0,2}}\s?[$*\\]{{0,3}}{VALUE.format('value')}",
        rf"(?:\[\s?(?=\D{{0,3}}\d\d|\D{{0,3}}[A-Z])\$?{VALUE.format('value')}\$?\s?\]|\. {VALUE.format('only')}){_ENDS}",
        rf"{_ARROW}[ \t]{{0,3}}[$*\\(]{{0,3}}{VALUE.format('value')}{_ENDS}",
        rf"[#>→*_]{{1,4}}\s{{0,3}}{VALUE.format('value')}{_ENDS}",
        rf"\\[\[(]\s{{0,3}}(?P<value>-?\\?\$?\d[\d,]{{0,30}}(?:\.\d{{1,30}})?)\.?\s{{0,3}}\\[\])]{_ENDS}",
        rf"(?:\((?=\D{{0,3}}\d\d)|[{{\"`])\s?\$?{VALUE.format('value')}\$?\s?[)}}\"`]{_ENDS}",
        rf"{_SHARE}[)\]]?[,;]?\s(?:and\s|or\s)?[$*\\]{{0,3}}{VALUE.format('value')}[$*\\]{{0,3}}{_SHARE}",
        rf"[,;.]?\s{{0,3}}(?i:and|but|though|however|actually|no)?,?\s{{0,3}}[$*(\\]{{0,4}}{VALUE.format('value')}[$*)\\]{{0,4}}\sis\s(?:the\s)?"
        r"(?:correct|right|actual|true|real|final)\b",
    )
)
_BEFORE = tuple(
    re.compile(pattern + r"[\s$*(\\\[:]{0,8}\Z")
    for pattern in (
        rf"(?<![\w.,^_}}]){VALUE.format('value')}[$*)]{{0,4}}{_SHARE}[)\]]?[,;]?(?:\s(?:and|or))?",
        rf"(?<![\w.,^_}}=]){VALUE.format('value')}[$*)\\]{{0,4}}[,;.]\s(?:(?:and|or|but)\s)?(?i:also|alternatively|otherwise|else|alt)\b[,:]?",
        rf"(?i:guess|option|answer|attempt|try)\s?#?[1a]\s?[:.)]\s?[$*]{{0,4}}{VALUE.format('value')}[$*]{{0,4}}[,;.]?\s(?i:guess|option|answer|attempt|try)\s?#?[2b]\s?[:.)]",
        rf"(?i:answers?|guess(?:es)?)(?:\sare)?\s?:\s?[$*]{{0,4}}{VALUE.format('value')}[$*]{{0,4}},?\sand",
    )
)
_MAY_LEAD = ("%)", "%", "and", "lso", "ely", "wise", "lse", "alt", "2", "b")


def values_beside(text: str, start: int, end: int, rest: str) -> Iterator[str]:
    r"""The plain values that the text offers beside the box from start to end, in digits.

    Args:
        text: The text with the box.
        start: Where the box starts.
        end: Where it ends.
        rest: What stands behind it, without commands for text.

    Example:
        >>> text = r"\boxed{18} or twenty"
        >>> list(values_beside(text, 0, 10, text[10:])), list(values_beside(r"\boxed{18} to 20", 0, 10, " to 20"))
        (['20'], ['20'])
    """
    before = text[max(0, start - 80) : start]
    if is_led_to(before):
        for pattern in _BEFORE:
            if (found := pattern.search(before)) is not None:
                yield found["value"]
    for pattern in _BEHIND:
        if (found := pattern.match(rest)) is not None:
            yield in_digits(found[found.lastgroup or 0])


def is_led_to(before: str) -> bool:
    """Whether the words before a box may offer another value, at a glance."""
    return before[-12:].rstrip(" $*(\\[:,.)]").endswith(_MAY_LEAD)


def in_digits(text: str) -> str:
    """A number in words with digits."""
    value = number_word(text.lower()) if text[:1].isalpha() and len(text) > 2 else None
    return text if value is None else str(value)
