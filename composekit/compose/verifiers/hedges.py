r"""What the text around a box does to it: ``\boxed{18} is wrong``, ``20 or \boxed{18}``, ``Answer: 20`` behind it.

Whoever offers a second value has not answered, and whoever doubts the first has not either. Only plain numbers, letters and
verdicts are compared here: other values (see :mod:`.formulas`) may be one in two forms, and are offered to be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from composekit.compose.verifiers.announcements import announcement
from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.formulas import are_unlike, formulas_beside, group, is_formula
from composekit.compose.verifiers.second_values import CLOSED as _CLOSED
from composekit.compose.verifiers.second_values import VALUE as _VALUE
from composekit.compose.verifiers.second_values import in_digits, values_beside
from composekit.compose.verifiers.second_values import is_led_to as leads
from composekit.compose.verifiers.statements import BULLET, statement, states_answer, without_long_runs
from composekit.compose.verifiers.structured import json_answers

MAX_BEHIND = 4_000
MAX_ABOVE = 400
_MOST_LINES = 32
SILENT = "$.)*]}\\ \n\t,"  # what may stand behind a box and says nothing
_TEXT = re.compile(r"\\(?:text(?:bf|rm|it)?|mathrm|mathbf|mbox|emph)\s?\{([^{}]*)\}")
_PLAIN = re.compile(
    r"(?P<sign>[-−])?\s?(?:\\?\$)?\s?(?P<number>\d[\d,]{0,30}(?:\.\d{1,30})?)|(?P<letter>[A-Z])|(?P<verdict>(?i:yes|no|true|false))"
)
_WORD = _VALUE.replace(r"|\(?\b[A-Z]", r"|\b(?i:yes|no|true|false)\b|\(?\b[A-Z]")
# A sentence that says of its own box that it is wrong, and nothing else before it.
_REJECTED = re.compile(
    r"(?:[$*) ]|\\[)\]]){0,8}(?:(?:is|was|would be|must be|seems|looks)\s{1,3}"
    r"(?:(?:clearly|obviously|far|probably)\s)?(?:(?:the\s|a\s)?(?:wrong|incorrect)(?:\s(?:answer|value|result|guess))?"
    r"|too\s(?:small|large|big|low|high|many|few|much)|not\s{1,3}(?:correct|right|(?:the|my)\s{1,3}"
    r"(?:(?:correct|right|final)\s{1,3})?answer))|can(?:not|['’]t)\sbe\s(?:correct|right|(?:the|my)\sanswer))[*)]{0,4}\s{0,3}"
    r"(?:[.;,:!\n]|\Z|(?:because|since|as)\b)"
)
_NO_MORE_BEFORE = re.compile(
    r"(?:[^\w\n]|\b(?i:so|but|thus|hence|and|the|my|first|final|answer|value|result|of|that|gives?|is|here|hmm|wait|no)\b){0,40}"
)
_OR_SO = re.compile(rf"{_CLOSED}[,(]?\s?(?:or so|or thereabouts|ish|give or take)\b|-ish\b")
_ASKED = re.compile(rf"{_CLOSED}\?")
_ABOUT_FAULTS = re.compile(r"\b(?:wrong|incorrect|false|mistake\w*|errors?|flaw\w*|statement|claim)\b", re.IGNORECASE)
_LEAD = (
    r"[\W_]{0,9}(?:(?:oh|wait|hmm+|oops|sorry|no|nope|but|however|well|hold on|on second thoughts?|on reflection|update|edit"
    r"|p\.?s|(?:just )?kidding|psych|actually|and|so|then|if not|alternatively|otherwise)\b"
    r"[\W_]{0,5})"
)
_ANSWER = (
    r"(?:the|my|an|another)\s(?:(?:correct|right|real|actual|true|final|above|other|possible|alternative)\s){0,2}"
    r"(?:answer|result|value)(?:\sabove)?"
)
_FAULTED = re.compile(
    rf"{_LEAD}{{0,4}}(?:(?:this|that|it|which|{_ANSWER})(?:\s(?:is|was|seems|looks)|['’]s)\s"
    r"(?:(?:actually|probably|clearly|obviously|likely|definitely|surely|just)\s)?"
    r"(?:wrong|incorrect|false|mistaken|an?\s(?:\w{1,12}\s)?(?:mistake|error|guess)"
    r"|not\s(?:correct|right|true|it|(?:the|my)\s(?:\w{1,12}\s)?answer))\b"
    r"|(?:this|that|it)\s(?:is|was|ca)n['’]t\s(?:be\s)?(?:correct|right|true|it)\b"
    r"|(?:this|that|it)\scannot\sbe\s(?:correct|right|true|it)\b)(?!\s(?:that|to)\b)",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    rf"{_LEAD}{{0,4}}(?:i(?:\sam|['’]m|\swas)\s(?:not\s(?:\w{{1,12}}\s)?(?:sure|certain|confident)|unsure|uncertain|wrong|mistaken"
    r"|(?:just\s)?guessing)\b|i\s(?:have\s)?made\san?\s(?:\w{1,12}\s)?(?:mistake|error)\b|my\s(?:mistake|bad|error)\b"
    r"|scratch\sthat\b|(?:just\s)?(?:an?\s)?(?:\w{1,9}\s)?guess\b|maybe\snot\b|not\s(?:sure|certain)\b"
    r"|i\s(?:doubt|guess|don['’]t\s(?:know|think\s(?:so|that|this|it)))\b)",
    re.IGNORECASE,
)
_AGAINST = (  # words that turn against what was said before
    r"[\W_]{0,9}(?:(?:oh|wait|hmm+|oops|sorry|no|nope|but|actually|hold on|on second thoughts?|on reflection"
    r"|update|edit|(?:just )?kidding|psych|final(?:ly)?|if not(?:,?\sthen)?"
    r"|alternatively|otherwise|correction)\b[\W_]{0,5}"
    r"|(?:or|maybe|perhaps|possibly|(?:could|might|may)(?:\salso)?\sbe|alternatives?|second\s(?:choice|guess|answer))\b[\s,:$*(]{0,5})"
)
_BEGINS = r"[\s:$*(\\]{1,6}"
_ENDS = r"(?!\s{0,2}[-+*/×÷=<>–−]\s{0,2}[\w$\\(])"  # and no calculation begins there
_CORRECTED = re.compile(
    rf"{_LEAD}{{0,4}}(?:correction|i\smeant?|make\s(?:it|that)|{_ANSWER}(?:['’]s|\sis)|(?:it|this|that|{_ANSWER})\s"
    r"(?:should\s(?:be|have\sbeen)|(?:must|would|could|might|may)\s(?:\w{1,9}\s)?be|(?:ought|has)\sto\sbe))"
    rf"{_BEGINS}{_VALUE.format('value')}{_ENDS}"
    rf"|{_AGAINST}{{1,4}}(?:(?:it|this|that)(?:['’]s|\sis){_BEGINS}{_WORD.format('against')}{_ENDS}"
    rf"|{_WORD.format('alone')}(?:[\s.!$*)\\]{{0,9}}\Z|\s(?:instead|is|actually|rather)\b))"
    rf"|{_LEAD}{{0,4}}(?:it|this|that)(?:['’]s|\sis){_BEGINS}{_VALUE.format('only')}[\s.!$*)\\]{{0,9}}\Z",
    re.IGNORECASE,
)
_OR_BEHIND = re.compile(
    _CLOSED
    + r"[,;(]?\s{0,3}(?:or|∨|\\lor|\\vee|vs\.?|versus|otherwise|else|alternatively|maybe|perhaps|possibly)(?!\w)[,:]?\s{1,3}"
    r"(?P<words>(?:[a-z]{1,12}\s{1,3}){0,4}?)[$*(\\]{0,4}" + _WORD.format("value") + r"(?:\s(?P<unit>[A-Za-z]{1,20}))?"
)
_UNDER_CONDITION = re.compile(
    _CLOSED + r"\(?(?:if|when|assuming|unless|provided|for)\b[^.\n]{1,80}?"
    r"(?:\b(?:otherwise|else|or|and|but|then)\b,?|[,;])\s{1,3}"
    r"(?P<words>(?:[a-z]{1,12}\s{1,3}){0,3}?)[$*(\\]{0,4}" + _VALUE.format("value") + r"(?:\s(?P<unit>[A-Za-z]{1,20}))?"
)
_ALSO = re.compile(
    rf"{_CLOSED}[,;.]?\s{{0,3}}(?:and|but|though)?\s{{0,3}}[$*(\\]{{0,4}}{_VALUE.format('value')}[$*)\\]{{0,4}}\s"
    r"(?:\w{1,9}\s){0,2}?(?:possible|fine|valid|correct|right|acceptable|works?)\b"
)  # fmt: skip
# Nothing but another value behind a box in its line or alone in the next, or before it: \boxed{18}, 20
_BESIDE = re.compile(
    r"(?:[$*)\]}\s]|\\[)\]!,;]){0,12}(?:[,;/|=&]|and\b)?\s{0,3}[$*\\]{0,3}"
    + _WORD.format("value")
    + r"[ \t$*.)\]}\\]{0,9}(?:\n|\Z)"
)
_BEFORE = re.compile(
    r"(?:\A|\n)[\s$*>]{0,9}"
    + _VALUE.format("value")
    + r"(?:[$*)\\]{0,4}\s{0,3}[,;/|&]\s{0,3}|[$*]{0,4}[ \t]{1,3})[$*\\]{0,4}\Z"
)
_SEPARATORS = frozenset(",;/|&0123456789)}]%")  # or the end of a value
_MAY_DECLARE = re.compile(r"[:|#\"]|</|nswer|[^\x00-\x7f]|\s(?:es|ist|est|adalah)\s")
_MAY_STATE = re.compile(_MAY_DECLARE.pattern + r"|esult|olution|[Rr]oots|[Zz]eros|\b[Aa]ns\b|[Tt]otal|[Vv]alue")
_MAY_HEAD = re.compile(r"nswer", re.IGNORECASE)
_TAG = re.compile(
    r"<(?:final[_ -]?)?answer>(?P<said>[^<>\n]{1,80})</|\[answer\](?P<told>[^\[\n]{1,80})\[/", re.IGNORECASE
)
_MAY_END_LEAD = frozenset("%doyet2b:.,)[]")
_RULE = re.compile(r"[-*_=~`\s]{3,}\w{0,9}")
_OF_A_PART = re.compile(r"\bpart\b|\([a-h]\)", re.IGNORECASE)
_OR_BEFORE = re.compile(r"(?<![\w.,^_}])" + _WORD.format("value") + r"[\s$*),\\]{0,6}\bor\b[\s$*(\\\[]{0,6}\Z")
_SAME_IN_OTHER_WORDS = re.compile(
    r"\b(?:about|approximately|roughly|approx|around|in|equivalently|written|rounded|simply|just|as)\b", re.IGNORECASE
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+|\s[–—-]{1,2}\s(?=[a-z])|(?<=[)$*]):\s")


def is_taken_back(text: str, content: str, start: int, end: int) -> bool:
    r"""Whether the text around a box takes it back, or corrects it: ``\boxed{18}? I am not sure.``

    That it is wrong may be said of an option or a word, and then be what the question asks: which statement is wrong.
    """
    numeric = any(map(str.isdigit, content))
    if numeric and _REJECTED.match(text, end):
        before = re.split(r"[.!?;]\s|\n", text[max(0, start - 200) : start])[-1]
        if _NO_MORE_BEFORE.fullmatch(before):
            return True
    if _ASKED.match(text, end) or _OR_SO.match(text, end):
        return True
    faults = numeric and not _ABOUT_FAULTS.search(text, max(0, start - 200), start)
    for sentence in islice(_SENTENCES.split(text[end : end + 400].lstrip(SILENT)), 4):
        if (faults and _FAULTED.match(sentence)) or _UNSURE.match(sentence):
            return True
        corrected = _CORRECTED.match(sentence)
        if corrected is not None and differ(content, corrected[corrected.lastgroup or 0]):
            return True
    return False


def alternatives(text: str, content: str, start: int, end: int) -> Iterator[str]:
    r"""The values that the text offers beside a box: ``20 or \boxed{18}``, ``\boxed{18}{20}``, ``Answer: 20`` behind it."""
    before, above = text[max(0, start - 60) : start], text[max(0, start - MAX_ABOVE) : start]
    for found in (_OR_BEFORE.search(before), _BEFORE.search(before)):
        if found is not None and differ(content, found["value"]):
            yield found["value"]
    head, newline, here = above.rpartition("\n")
    yield from (said for said in declared_last(head if newline else "") if is_another(content, said))
    yield from (
        tag["said"] or tag["told"] for tag in _TAG.finditer(here) if is_another(content, tag["said"] or tag["told"])
    )
    yield from formulas_beside(text, content, start, end)
    if _plain(content) is None and is_formula(content):  # 36/2 and then "Wait, it is 18": only to be compared
        for sentence in islice(_SENTENCES.split(text[end : end + 400].lstrip(SILENT)), 4):
            corrected = _CORRECTED.match(sentence)
            if (
                corrected is not None
                and corrected.lastgroup in ("value", "against")
                and corrected[corrected.lastgroup][-1:].isdigit()
            ):
                yield corrected[corrected.lastgroup]
    rest = text[end : end + MAX_BEHIND]
    rest = _TEXT.sub(r"\1", rest) if "\\text" in rest else rest
    follow, closed, _ = rest[1:40].partition("}")
    if rest[:1] == "{" and closed and differ(content, follow):
        yield follow
    for found in (_OR_BEHIND.match(rest), _UNDER_CONDITION.match(rest), _ALSO.match(rest), _BESIDE.match(rest)):
        if found is not None and differ(content, found["value"]) and not _is_another_measure(found):
            yield found["value"]
    yield from (said for said in values_beside(text, start, end, rest) if differ(content, said))
    headed = False
    for line in islice(without_long_runs(text[end : end + MAX_BEHIND]).splitlines()[1:], _MOST_LINES):
        stated = _declared_in(line) if _MAY_STATE.search(line) else None
        if headed and stated is None and _plain(line := line.strip(" *_>#$\\[]")):
            stated = line
        headed = (headed and not line.strip()) or (bool(_MAY_HEAD.search(line)) and states_answer(line))
        if stated and is_another(content, stated):
            yield stated


def is_another(content: str, said: str) -> bool:
    """Whether a statement beside a box may state another value: a plain one that differs, or an unlike formula."""
    at = said.rfind("\\boxed{")
    said = said if at < 0 else group(said[at + len("\\boxed") :])  # it states what its box holds
    return differ(content, said) or are_unlike(content, said)


def is_led_to(text: str, start: int) -> bool:
    """Whether something right before a box may be another answer, at a glance."""
    before = text[start - MAX_ABOVE if start > MAX_ABOVE else 0 : start]
    last = before[-6:].rstrip(" $*\\(")[-1:]
    if (
        (last in _MAY_END_LEAD and leads(before))
        or "or" in before[-10:].replace("for", "")
        or last in _SEPARATORS
        or before[-2:] == "$ "
    ):
        return True
    above = before.rpartition("\n")[0]
    return "nswer" in above or "####" in above or "答" in above or "</" in before or "[/" in before


def may_declare_more(text: str) -> bool:
    """Whether the line before the last one may declare something, at a glance."""
    head = text.rstrip().rpartition("\n")[0].rstrip()
    return bool(head) and _MAY_DECLARE.search(head, max(head.rfind("\n"), len(head) - MAX_ABOVE, 0)) is not None


def declared_last(text: str) -> Iterator[str]:
    """What the last lines of a text declare, in whatever way, up to the first that declares nothing.

    Example:
        >>> [list(declared_last(text)) for text in ("#### 18\\n\\n**Answer:** 20", "#### 18\\nWait.\\nAnswer: 20")]
        [['20', '18'], ['20']]
    """
    lines = [line.strip() for line in without_long_runs(text[-MAX_ABOVE:]).splitlines()]
    lines = [line for line in lines if line and not _RULE.fullmatch(line)][-_MOST_LINES:]
    while lines:
        line = lines.pop()
        said = _declared_in(line)
        if said is None and lines and _plain(BULLET.sub("", line)) and states_answer(lines[-1]):
            said = BULLET.sub("", line)
            lines.pop()
        if said is None:
            return
        if said:
            yield said


def _declared_in(line: str) -> str | None:
    """What a line declares the answer, of all or of the only part that it may name."""
    line = line.strip()
    if len(line) > MAX_ABOVE or _OF_A_PART.search(line):
        return None
    hashes, mark, said = line.partition("####")
    if mark and not hashes.strip(" >*"):
        return said.strip(" #")
    if tags := list(_TAG.finditer(line)):
        return tags[-1]["said"] or tags[-1]["told"]
    if line[:1] == "{":
        return next(iter(json_answers(line)), None)
    stated = statement(line)
    return announcement(line) if stated is None else stated


def _is_another_measure(found: re.Match[str]) -> bool:
    """Whether the value behind a box is said to be rounded, or counts in something of its own: 120 minutes, 2 dozen."""
    groups = found.groupdict()
    low = (groups.get("unit") or "").lower()
    if _SAME_IN_OTHER_WORDS.search(groups.get("words") or ""):
        return True
    return bool(low) and (
        units.is_numeral(low) or any(name in units.PHYSICAL for name, _ in units.fold(groups["unit"]))
    )


def differ(one: str, other: str) -> bool:
    """Whether two texts are plain values of one kind, and not the same.

    Example:
        >>> differ("18", "$20"), differ("1,800", "1800.0"), differ(r"\\text{B}", "(C)"), differ("0.5", "50%")
        (True, False, True, False)
    """
    a, b = _plain(one), _plain(in_digits(other))
    return a is not None and b is not None and a[0] == b[0] and a[1] != b[1]


def _plain(text: str) -> tuple[str, str] | None:
    match = _PLAIN.fullmatch(_TEXT.sub(r"\1", text[:80]).strip(" *`.()[]\\\n").strip("$ *`.()"))
    if match is None:
        return None
    if match["number"]:
        number = match["number"].replace(",", "")
        number = number.rstrip("0").rstrip(".") if "." in number else number
        return "number", ("-" if match["sign"] else "") + number
    return ("letter", match["letter"]) if match["letter"] else ("verdict", match["verdict"].lower())
