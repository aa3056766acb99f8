"""Lines that state the answer of a response: ``#### x``, ``Answer: x``, ``so the answer is x``, a heading and then x.

What stands before such words in their sentence must leave no doubt: the naive answer, half of the answer and the answer to
the first part are not the answer.
"""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.measures import units_said

# Cut before anything is looked for: patterns that could share a run of white space take quadratic time for a long one.
_LONG_RUN = re.compile(r"\s{10,}|\*{10,}|_{10,}|>{10,}")
_MAYBE_LONG = re.compile(r"[\s*_>]{10}")  # quick to see that there is none
_HASHES = re.compile(r"^[ \t>*]*####[ \t]*([^#\s].*)$", re.MULTILINE)
_WORD = re.compile(r"[*_]{0,3}[A-Za-z]{3}")  # with text behind its line a heading: #### Step 2
_VERB = (
    r"\bis\b|\bequals\b|\b(?:will|would|should|must)\s+be\b|\bcomes\s+(?:out\s+)?to(?:\s+be)?\b"
    r"|\b(?:turns|works)\s+out\s+(?:to\s+be|as)\b"
)
_MARKER = re.compile(
    r"\b(?:answer(?:\s+(?:choice|option))?|ans|(?:correct|right|best)\s+(?:option|choice))"
    r"(?P<whose>\s+(?:to|of|for)\s+[\w\s'()-]{1,60}?|\s*\((?:[a-z]|final|boxed|numeric|rounded)\)"
    r"|,?\s+in\s+(?!the\b|this\b|that\b|part\b|case\b)[a-z]{2,20}(?:\s+[a-z]{1,20}){0,2},?)?"
    rf"(?:,\s(?:therefore|thus|then|hence),)?\s*(?:\**|__?)\s*(?:(?:{_VERB})(?!\s*n['’]t)|[:：=→—➜⇒➡➔])(?:\s*(?:\bis\b|[:：=]))?\s*",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"[\s>]*(?:#+|\*\*|__)?\s*(?:[^\x00-\x7f\w]{1,4}\s*)?(?:\*\*)?(?:the\s+)?(?:final\s+|correct\s+)?answer(?:\s+is)?"
    r"\s*[:：]?[\s*_]*",
    re.IGNORECASE,
)
_BEFORE_MARKER = re.compile(r"(?:\b(?:so|thus|hence|therefore|the|my|our|final|correct)\b|[\s,*$])*", re.IGNORECASE)
DOUBT = re.compile(
    r"\b(?:not|never|no|nobody|none|cannot|if|unless|whether|wrong|false|incorrect|doubt\w*|could|might|may|maybe|perhaps|possibly"
    r"|either|neither|nicht|kein\w*|suppos\w*|assum\w*|say|says|said|claim\w*|pretend\w*|reject\w*|rather|than|instead|previous\w*|old|first)\b|n['’]t\b",
    re.IGNORECASE,
)
# "the correct final answer", and what may stand right before that or before a bare "answer".
_PHRASE = re.compile(
    r"(?<!\w)(?P<article>(?:the|my|our|your|this|its)\s+)?(?:(?:final|correct|right|best|required|requested|desired|sought|"
    r"exact|numerical|numeric|simplified|simplest|complete|overall|ultimate|resulting|actual|true|unique|only|full|short)\s+)*\Z",
    re.IGNORECASE,
)
_PART_OF = re.compile(
    r"\b(?:of|on|for|to|than|from|about|in|with|plus|minus|times|by|half|twice|thrice|double|triple|but)\s*\Z",
    re.IGNORECASE,
)
_LEADS_TO = re.compile(
    r"(?:\b(?:so|thus|hence|therefore|then|and|conclusion|summary|total)|[^\w\s]|\A)[\s*_>#$-]*\Z", re.IGNORECASE
)
_ANOTHER = re.compile(
    r"\d|\b(?:first|second|third|fourth|fifth|sixth|previous|earlier|prior|other|another|easier|simpler|similar|related|"
    r"one|two|three|four|five|six|subproblem|subquestion|sub)\b",
    re.IGNORECASE,
)
_ADVERB = re.compile(
    r"(?i:exactly|approximately)[,:]?\s+(?=[-+($\\]*\d)"
    r"|(?i:therefore|thus|then|hence|clearly|simply|indeed|obviously)[,:]?\s+(?=[-+(\[$\\*]|\d|[A-Z]\b)"
)
_NUMBER_ALONE = re.compile(r"[-+]?\d[\d,./]{0,30}(?<!\.)")
# "Answer - B" or "[Answer] B", where a line begins so
_DASHED = re.compile(
    r"[\s>*_#-]{0,9}(?:(?:(?:the|my)\s)?(?:(?:final|correct)\s)?answer[*_]{0,3}\s{1,3}[-–]"
    r"|\[(?:final\s)?answer\](?!.*\[/))[*_:]{0,3}\s{1,3}(?P<said>\S.*)",
    re.IGNORECASE,
)
_EMPHASIS_INSIDE = re.compile(r"(?<![\w)\]}*])\*\*(?=[^\s*])([^*\n]{1,80})(?<=[^\s*])\*\*(?![\w*])")
_BOLD_CALL = re.compile(r"\*\*!{1,3}\Z")
REASON = re.compile(
    r"\s{1,3}\((?:because|since|as|see)\s(?![^\n]*\b(?:so|thus|hence|therefore|but|not|wrong|or)\b)[^()\n]{1,200}\)\.?\Z"
    r"|,?\s+(?:because|since)\s(?!.*\b(?:so|thus|hence|therefore|but|not|wrong)\b).*",
    re.IGNORECASE | re.DOTALL,
)
_COURTESY = re.compile(r"\.\s*I hope (?:it|this) is correct\W*$", re.IGNORECASE)
_EMPHASIS_BEFORE = re.compile(r"\A(?:\*{1,3}|_{1,3}(?=[^_\s]))\s*")
_BOLD_AGAIN = re.compile(r"\A\*{1,3} {1,3}(?=\*{1,3}[^\s*])")  # **Answer:** **18**
_TAGS = re.compile(r"</?(?:b|strong|i|em|u|p|span|div|br)\s?/?>", re.IGNORECASE)
_CLOSING = re.compile(r"\s*(?:\\[\])]|\${1,2})[.\s]{0,3}\Z")
_EMPHASIS_AFTER = re.compile(r"\s*(?:\*{1,3}|(?<=[^_\s\\])_{1,3})(?=[.!]?\Z)")
_LABEL = re.compile(
    r"\A(?P<text>\\(?:text|textbf|mathrm|mathbf)\s*\{)?\s*(?:the\s+)?(?:(?:final|correct)\s+)?answer"
    r"(?:,?\s+(?P<unit>in\s+[a-z]{1,20}(?:\s+[a-z]{1,20}){0,3}),?)?\s*(?:is\s*[:=]?|[:=])\s*"
    r"(?P<closed>(?(text)\}|\Z)\s*)?",
    re.IGNORECASE,
)
# Signs and pictures at the end, but none that says no (a cross, a question mark, a thumb down) or is a character.
_PICTURES = re.compile(
    "\\s{0,9}(?:(?![❌❎❓❔❗✖✗✘☒👎🚫🤔🤷🔟🔢➕➖➗×⁉‼])[\u2190-\u21ff\u2600-\u2775\u2794-\u27bf\U0001f300-\U0001faff]"
    "[\ufe0f\u200d\U0001f3fb-\U0001f3ff]{0,2}\\s{0,3}){1,8}\\Z"
)
_CLOSES = {"(": ")", "[": "]"}
_NOT_ANOTHER = re.compile(  # 18, not 20
    r"(?P<said>(?P<number>\d[\d,.]{0,20}?)[$*)}]{0,3}(?:\s(?!is|was|and|but|or)[a-z]{1,12})?)(?:,?\s(?:and\s|but\s)?|\s?\()"
    r"not\s[$*\\]{0,3}(?P<other>\d[\d,.]{0,20}?)[$*]{0,3}\)?\.?\Z"
)
_RULE = re.compile(r"[-*_=~]{3,}|`{3,}\w*")
_MOST_POINTS = 16
BULLET = re.compile(r"\A[-*+•]\s{1,9}(?=\S)")


def without_long_runs(text: str) -> str:
    """The text with long runs of white space and of marks cut short."""
    return text if _MAYBE_LONG.search(text) is None else _LONG_RUN.sub(lambda run: run[0][:9], text)


def marked_answers(text: str) -> tuple[str, ...]:
    """The last ``####`` line or the last line's statement, whichever comes later; adjacent ones are a list."""
    tail = without_long_runs(text[-20_000:].rstrip())
    hashes = [m for m in _HASHES.finditer(tail) if not (_WORD.match(m[1]) and tail[m.end() :].strip())]
    if hashes and not _HEADING.fullmatch(hashes[-1][0]) and not _stated(tail, after=hashes[-1].end()):
        run = [hashes[-1]]
        for match in reversed(hashes[:-1]):
            if tail[match.end() : run[0].start()].strip(" \t\r\n,;"):
                break
            run.insert(0, match)
        return tuple(statement(m[1]) or m[1].strip() for m in run)
    return _stated(tail, after=0)


def _stated(text: str, *, after: int) -> tuple[str, ...]:
    """What the last lines of the text state as the answer, if anything."""
    lines = [line.strip() for line in text[after:].splitlines() if line.strip()]
    while lines and _RULE.fullmatch(lines[-1]):
        lines.pop()
    found: list[str] = []
    while lines and (content := statement(lines[-1])):
        found.insert(0, content)
        lines.pop()
    if found:
        return tuple(found)
    # "Answer:" or a heading on a line of its own, then the answer on the last line, perhaps between display delimiters
    block = [line for line in lines[-4:] if line not in ("$$", r"\[", r"\]") and not _RULE.fullmatch(line)]
    if len(block) >= 2 and (_HEADING.fullmatch(block[-2]) or statement(block[-2]) == ""):
        content = block[-1].removeprefix("> ")
        return (BULLET.sub("", content) if lines[-2] == block[-2] else content,)
    points = len(lines)
    while points and len(lines) - points < _MOST_POINTS and BULLET.match(lines[points - 1]):
        points -= 1
    if 0 < points < len(lines) - 1 and (_HEADING.fullmatch(lines[points - 1]) or statement(lines[points - 1]) == ""):
        return tuple(BULLET.sub("", line) for line in lines[points:])
    return ()


def statement(line: str) -> str | None:
    """The x of ``Answer: x`` or ``... the answer is x``; None without such words, or where the sentence doubts them."""
    line = line.strip()
    if "<" in line:
        line = _TAGS.sub("", line)
    if line[:1] in ("(", "[") and line[-1:] == _CLOSES[line[0]] and line[1:5].lower() in ("answ", "fina", "the "):
        line = line[1:-1]
    opening = _EMPHASIS_BEFORE.match(line)
    if opening is not None and line.startswith("_"):
        line = line[opening.end() :]  # a letter and an underscore are one word
    marker = _MARKER.search(line)
    if marker is None:
        dashed = _DASHED.fullmatch(line) if "nswer" in line else None
        return bare(dashed["said"]) if dashed else None
    if not _is_answer(line[: marker.start()], marker["whose"] or ""):
        return None
    content = line[marker.end() :]
    if opening is not None and opening[0].startswith("__"):
        content = content.lstrip("_")
    if content[:1] == "}" and line.rfind("{", 0, marker.start()) > line.rfind("}", 0, marker.start()):
        content = _CLOSING.sub("", content[1:])  # \[\text{Answer: } 18\]
    content = bare(content)
    again = _MARKER.search(content)  # "Final answer: The final answer is 7"
    if again is not None and _BEFORE_MARKER.fullmatch(content[: again.start()]):
        content = bare(content[again.end() :])
    content = _ADVERB.sub("", content, count=1) if _ADVERB.match(content) else content
    return _in_unit(content, marker["whose"]) if marker["whose"] else content


def _in_unit(content: str, said: str) -> str:
    """A plain number with the unit that its label states: ``Answer in cents: 18``."""
    words, number = said.strip(" ,"), content.strip(" .*$")
    unit = words[3:].strip()
    if not words.startswith("in ") or not _NUMBER_ALONE.fullmatch(number):
        return content.strip()
    if unit.lower() in units.PERCENT:
        return rf"{number}\%"
    has_size = units.is_numeral(unit.lower()) or any(units_said(unit, 1))
    return rf"{number} \text{{ {unit}}}" if has_size else content.strip()


def _is_answer(before: str, whose: str) -> bool:
    """Whether a sentence that goes on with "answer" (and of what) speaks of the answer, and without a doubt."""
    sentence = re.split(r"[.!?]\s", before)[-1]
    if DOUBT.search(sentence) or _ANOTHER.search(whose):
        return False
    phrase = _PHRASE.search(sentence)
    if phrase is None:  # joined to a letter
        return False
    rest = sentence[: phrase.start()]
    return not _PART_OF.search(rest) if phrase["article"] else _LEADS_TO.search(rest) is not None


def bare(content: str) -> str:
    """What a line states, without courtesies, reasons, ticks and marks of emphasis."""
    content = _PICTURES.sub("", content) if content[-1:] > "\u2000" else content
    another = _NOT_ANOTHER.search(content, max(0, len(content) - 80)) if "not " in content else None
    if another is not None and another["number"] != another["other"]:
        content = content[: another.start()] + another["said"]
    content = _BOLD_AGAIN.sub("", REASON.sub("", _COURTESY.sub("", content)).strip())
    content = _BOLD_CALL.sub("**", content) if content[-1:] == "!" else content
    content = _EMPHASIS_INSIDE.sub(r"\1", content) if "**" in content else content
    return _EMPHASIS_AFTER.sub("", _EMPHASIS_BEFORE.sub("", content)).strip()


def without_label(answer: str) -> str:
    r"""A boxed answer without the words that say what a box says.

    Example:
        >>> without_label(r"\text{Answer: } 7"), without_label(r"\text{The answer is B}"), without_label("7")
        ('7', '\\text{B}', '7')
    """
    if "nswer" not in answer and "NSWER" not in answer:
        return answer
    label = _LABEL.match(answer)
    if label is None:
        return answer
    content = answer[label.end() :]
    return _in_unit(content, label["unit"] or "") if label["closed"] is not None else (label["text"] or "") + content


def states_answer(text: str) -> bool:
    """Whether a text ends with words that announce an answer: ``Answer:`` or a heading that says so."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and (_HEADING.fullmatch(lines[-1]) is not None or statement(lines[-1]) == "")
