"""Declared answers that are sentences: ``Answer: Janet makes $18 per day at the market.``

A sentence that was declared the answer and holds one number declares that number, unless it takes the number back, hedges,
compares or goes on calculating. Numbers in sentences that nobody declared are no answers; see :mod:`.extract`.
"""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.grammar import NAMED_RUNS
from composekit.compose.verifiers.exactmath.worded import number_word
from composekit.compose.verifiers.statements import DOUBT
from composekit.compose.words import CARDINALS, COUNTS, MULTIPLES, ORDINALS, PARTS, SCALES

MAX_SENTENCE = 300
MAX_PROMPT = 20_000
_NUMERAL = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+ \d+/\d+|\d+/\d+|\d+(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"\$(?P<math>[^$\d\s][^$]*|[^$]*[^$\s])\$(?!\d)|\\\((?P<round>.+?)\\\)"
    rf"|(?<![\w.,/-])(?P<plain>[-+]?[$€£]?(?:{_NUMERAL})(?:%|°|(?:{'|'.join(units.BARE_UNITS)})(?![\w/^*]))?"
    rf"(?: (?:{'|'.join(units.SCALES)}|percent)\b)?)(?![\w/^'’]|[-.,]\w)"
)
_DRESS = re.compile(r"(?P<formula>\$[^$]+\$|\\\(.+?\\\))|\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_SPACES = re.compile(r"(?:\\[,;:! ]|~|\s)+")
_ONE_FORMULA = re.compile(r"([^$\\]*)\$((?:[^$\\]|\\.){2,})\$([^$\\]*)", re.DOTALL)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}|(?<=\d )an?(?= [a-z]{3})")
_LETTER = re.compile(r"\$ ?([A-Za-z]) ?\$")
_FIGURE = re.compile(r"\$ ?(?:\\(?:triangle|angle|square|overline|odot) ?\{?)?([A-Z]{1,10}'?)\}? ?\$")
_HOW_MANY = re.compile(r"\A(?: [A-Za-z][A-Za-z-]{1,30}){1,3}")  # the noun that is counted, with its adjectives
_ASIDE = re.compile(r"[(\[] ?([A-Za-z][A-Za-z' -]{1,40}?) ?[)\]]")
_REST = re.compile(r"[A-Za-z\s,.'’*_:-]*")
# A full stop behind these ends no sentence: Mr. Lee, 72 sq. ft.
_ABBREVIATED = re.compile(
    r"\b(?:(Mrs?|Ms|Mx|Dr|Prof|Rev|Capt|Sgt|Lt|Gov|St|Mt)\.(?=\s[A-Za-z])"
    r"|(Jr|Sr|Ave|Rd|Blvd|vs|sq|cu|ft|lbs?|oz|hrs?|mins?|secs?)\.(?=\s[a-z]))"
)
_SENTENCES = re.compile(r"[.:]\s+\S")
# What makes of a number another one, a bound or a guess, wherever it stands; before the number; behind it.
_TAKEN_BACK = re.compile(
    r"\b(?:at least|at most|up to|or|nor|but|between|above|below|under|exceed\w*|plus|minus|added|adding|subtract\w*"
    r"|multipl\w*|divi\w*|squared|cubed|negative|opposite|reciprocal|except\w*|without|hardly|barely|another|either|out of"
    r"|something like|far from|such as|like|e\.g|closer|rumou?red|at (?:best|worst)|worst case|partial|unverified|nicht|oder"
    r"|(?:very|at) (?:least|most)|and up|in base|according to|scratch that|kidding"
    r"|ballpark|give or take|thereabouts"
    r"|guess\w*|think|believe|hope|seems?|un(?:likely|known|clear|sure)|likely|probabl[ey]"
    r"|too \w+|now (?:fewer|less|more)|(?:every|any)thing|(?:any|all) (?:number|value|integer)s?"
    r"|presumably|apparently|hopefully"
    r"|ppm|ppb|per ?mill?e|permill?|grand|myriads?|\w+illions?|times (?:the|that|this|his|her|its|their|as|more|what|[a-z])"
    r"|and (?:an?|some|change|more|counting|several|then|so|therefore))\b",
    re.IGNORECASE,
)
# What makes a number one that is not there, unless the question itself speaks so: how many fewer, how many are missing.
_UNSAID = re.compile(
    r"\b(?:almost|nearly|virtually|fail(?:s|ed|ing)?|forg[eo]t\w*|refus\w+|miss(?:es|ed|ing)?|short|shy"
    r"|fewer|less|lack(?:s|ed|ing)?|pretend\w*|tr(?:y|ies|ied|ying)|want(?:s|ed|ing)?|wish\w*|plan(?:s|ned|ning)?"
    r"|intend\w*|expect\w*|den(?:y|ies|ied)|avoid\w*|unable|dream\w*|imagin\w*|claim\w*|estimat\w*|suppos\w*|allegedly|ought|fake|false"
    r"|former|used to|no longer|hypothetical\w*)\b",
    re.IGNORECASE,
)
# A case in which alone the number holds, unless the question knows it: 18 for red. What has an article is a thing.
_CONDITION = re.compile(
    r"\b(?:for|when|given|during|in (?:the )?case|assuming|provided"
    r"|on(?=\s+(?:[a-z]{2,6}days?|weekdays?|weekends?|holidays?)\b))\s+"
    r"(?!(?:the|(?-i:an?)|all|both|each|every\w*|th(?:is|at|ese|ose)|its?|his"
    r"|hers?|him|their|them|us|our|my|your|one|in|total|round\w*|express\w*|simplif\w*|writ\w*|add\w*|combin\w*|calculat\w*|of)\b)"
    r"(?P<what>[A-Za-z]+)",
    re.IGNORECASE,
)
_STEM = 4  # letters that two forms of a word share: miss, missing
_BOUND = re.compile(
    r"\b(?:about|around|near|circa|ca|shy of|short of|over|roughly|approximately|approx|nearly|almost|close to|than|within"
    r"|outside|inside|until|till|since|beyond|past|before)\W+(?:an?\W+)?\Z",
    re.IGNORECASE,
)
_OPERATION = re.compile(
    r"\b(?:factors?|sum|difference|product|quotient|ratio|root|square|cube|power|factorial|inverse|digits?|modulo|mod|remainder|"
    r"minimum|maximum|increas\w*|decreas\w*|(?:part|share|rest|some|all|most|each|any) of)\b",
    re.IGNORECASE,
)
_OPERAND = re.compile(r"\b(?:of|by|from|to|with|for|into|on|and)\W+(?:the\W+)?\Z", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:parts?|steps?|cases?|questions?|problems?|options?|choices?|equations?|lines?|sections?|chapters?|figures?|tables?|"
    r"examples?|methods?|numbers?|page)\W*\Z|\A\W*(?:of|from|to|by|with|on)\W*\Z",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\b(?:factorial|root|power|mod|modulo|inverse)\b|\A\W*over\b|\A\W*ish\b"
    r"|\A\W*(?:max|minimum|maximum|tops)\W*\Z"
    r"|\A\W*(?:mil|mn|bn|thou|tens|nano|micro|milli|centi|deci|deca|hecto|kilo|mega|giga|tera)\b",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"(?<=\byears)[ -]old\b|(?<!rather )(?<!other )\bthan\b(?! [b-z]\b| the number\b| th(?:at|is|ese|ose)\b)|['’]s\b|\bMay\b"
)
_LISTED = re.compile(r"(?P<subject>[A-Za-z][A-Za-z\s$]{0,60}) are:? (?P<list>.*\d.*)")
_COMMAND = re.compile(r"\\[A-Za-z]+|\b[a-z]\b")
_WIDE = re.compile(r"(?:\\q?quad(?![A-Za-z])\s*)+")
# "his 7 friends get the rest": a number that is known already
_KNOWN = re.compile(
    r"\b(?:the|these|those|my|your|his|her|its|our|their|all|both|same|other|remaining)\s+\Z", re.IGNORECASE
)
_NOUN = re.compile(r"\A\s+(?!(?:is|was|dollars?|percent|more|less|per)\b)[a-z]")
_VARIABLE = re.compile(r"\A\W*(?![aAiI]\b)[A-Za-z]\b")
_NUMBER_WORDS = (
    frozenset(CARDINALS)
    | frozenset(SCALES)
    | frozenset(COUNTS)
    | frozenset(MULTIPLES)
    | frozenset(ORDINALS)
    | frozenset(PARTS)
) - {"second", "seconds", "k", "mil", "single", "once"}  # a second may be a unit


def declared_number(text: str, prompt: str = "") -> str | None:
    r"""The one number of a sentence that was declared the answer, with its currency, percent sign or the noun behind it.

    Args:
        text: The sentence.
        prompt: The question: what it asks "how many" of is no number, as in "121 pairs".

    Returns:
        The number as it is written; None if there is none, if there are several, or if the sentence does not state it.

    Example:
        >>> declared_number("Janet makes $18 per day at the market."), declared_number("540 meters in a week")
        ('$18', '540 \\text{meters}')
        >>> [declared_number(s) for s in ("She does not make $18.", "at least 18 apples", "9 + 9 apples", "half of 36")]
        [None, None, None, None]
    """
    if len(text) > MAX_SENTENCE:
        return None
    text = _ABBREVIATED.sub(r"\1\2", text)
    formula = _ONE_FORMULA.fullmatch(text)
    if formula is not None and any(c.isdigit() for c in formula[1] + formula[3]):
        formula = None
    if formula is not None:  # kept as it is written
        text = f"{formula[1]}$0${formula[3]}"
    text = _SPACES.sub(" ", _DRESS.sub(lambda m: m["formula"] or f" {m[2]} ", text)).strip()
    text = _LETTER.sub(r"\1", text.replace(r"\$", "$").replace(r"\%", "%"))
    text = " ".join(_ASIDE.sub(_without_brackets, text).split())
    found = list(_NUMBER.finditer(text))
    if len(found) > 1:  # $ABCD$ is the name of a figure
        text = _FIGURE.sub(r"\1", text)
        found = list(_NUMBER.finditer(text))
    if len(found) != 1:
        return None
    number = found[0]
    before, after = text[: number.start()], _without_asked_noun(text[number.end() :], prompt)
    if not _REST.fullmatch(f"{before} {after}") or _unsays(f"{before} {after}", prompt) or _conditions(after, prompt):
        return None
    if not _states(before, after, equation="=" in (formula[2] if formula else "")):
        return None
    if not number["plain"]:
        return formula[2] if formula is not None else number["math"] or number["round"]
    word = re.match(r" ([A-Za-z]{1,24})\b(?! per\b| an?\b|/)", after)
    known = word is not None and word[1] not in ("in", "per") and units.is_unit_word(word[1])
    return rf"{number['plain']} \text{{{word[1]}}}" if word and known else number["plain"]


def _without_asked_noun(after: str, prompt: str) -> str:
    """What follows a number, without the words that the question asks "how many" of."""
    asked = _HOW_MANY.search(after) if prompt else None
    while asked is not None and asked[0]:
        if re.search(rf"\bhow\s+many{re.escape(asked[0])}(?![\w-])", prompt[-MAX_PROMPT:], re.IGNORECASE):
            return after[asked.end() :]
        asked = _HOW_MANY.search(asked[0].rpartition(" ")[0])
    return after


def _unsays(words: str, prompt: str) -> bool:
    """Whether the words around a number say that there is no such number, in words that are not the question's."""
    found = [word.lower()[:_STEM] for word in _UNSAID.findall(words)]
    return bool(found) and not all(stem in prompt[-MAX_PROMPT:].lower() for stem in found)


def _conditions(after: str, prompt: str) -> bool:
    """Whether what follows a number makes it hold in a case alone that the question does not know: ``18 for red``."""
    found = _CONDITION.search(after) if prompt else None
    if found is None:
        return False
    word = found["what"].lower()
    known = word[:_STEM] if len(word) >= _STEM else rf"{word}\b"
    return re.search(rf"\b{known}", prompt[-MAX_PROMPT:].lower()) is None


def declared_list(text: str) -> str | None:
    """The numbers of "The roots are 1 and -2"; None where something else than separators stands among them.

    Example:
        >>> declared_list("The roots are 1 and -2."), declared_list("The roots are 1 and perhaps -2")
        ('1 and -2.', None)
    """
    match = _LISTED.fullmatch(" ".join(text[: MAX_SENTENCE + 1].split())) if len(text) <= MAX_SENTENCE else None
    if match is None or DOUBT.search(match["subject"]) or _TAKEN_BACK.search(match["subject"]):
        return None
    return match["list"] if not re.search(r"[A-Za-z]{2}", _COMMAND.sub("", match["list"]).replace("and", "")) else None


def spaced_list(text: str) -> str | None:
    r"""A list with commas for the wide spaces between its members: ``x = 1 \quad x = -2``."""
    members = [member.strip(" ,") for member in _WIDE.split(text)]
    if not 1 < len(members) <= 16 or not all(re.search(r"\d", member) for member in members):
        return None
    return ", ".join(members)


def _without_brackets(aside: re.Match[str]) -> str:
    """What stands in brackets without them, nothing where it says the number before it once more: ``27 (twenty-seven)``."""
    value = number_word(aside[1].lower())
    again = re.search(r"(?<![\d.,])(\d{1,12})[ *]{0,4}\Z", aside.string[: aside.start()])
    return "" if again is not None and value == int(again[1]) else f" {aside[1]} "


def _states(before: str, after: str, *, equation: bool) -> bool:
    """Whether the words around a number leave it as it is."""
    rest = _HARMLESS.sub("", f"{before} {after}")
    if (
        DOUBT.search(rest)
        or _TAKEN_BACK.search(rest)
        or _SENTENCES.search(rest)
        or _GOES_ON.search(after)
        or _VARIABLE.match(after)
    ):
        return False
    if (
        _BOUND.search(before)
        or (not equation and _NAMED.search(before))
        or (_OPERAND.search(before) and _OPERATION.search(before))
    ):
        return False
    if _KNOWN.search(before) and _NOUN.match(after):
        return False
    words = frozenset(re.findall(r"[a-z]+", rest.lower())) - {"and", "score", "scores"}
    return not any(word in _NUMBER_WORDS or word in NAMED_RUNS or units.is_numeral(word) for word in words)


def is_sentence(text: str) -> bool:
    """Whether a text has two words at least, beside its numbers and commands."""
    return len(_WORD.findall(text)) > 1
