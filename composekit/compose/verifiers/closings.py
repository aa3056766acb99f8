"""What models write behind an answer that they have declared: a courtesy, or an explanation under a name of its own."""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.formulas import are_unlike
from composekit.compose.verifiers.prose import declared_number
from composekit.compose.verifiers.statements import DOUBT, marked_answers, statement, without_long_runs

MAX_TAIL = 20_000
_MOST_NAMES = 8  # at which an explanation may start
_COURTESY = re.compile(
    r"[\s>*_]*(?:(?:I|we)\s+)?(?:hope\s+(?:this|that|it)|let\s+me\s+know|please|feel\s+free|thank|thanks|would\s+you\s+like"
    r"|if\s+you\s+(?:have|need|want|would|['’]d)|good\s+luck|happy\s+to\s+help|happy\s+learning|glad\s+to\s+help"
    r"|do\s+you\s+(?:have|need|want)|is\s+there\s+anything)\b[^\d$\\]{0,200}",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"[\s>#*_-]{0,12}(?:(?:here(?:['’]s|\s+(?:is|are))\s+(?:the|an?|my)\s+)?"
    r"(?:(?:brief|short|detailed|step[- ]by[- ]step|quick|full)\s+)?"
    r"(?:explanation|reasoning|reasons?|rationale|justification|verification|check(?:ing)?|proof|solution|workings?|steps|details"
    r"|derivation|calculations?|computations?|break\s?down|(?P<note>notes?)|step[- ]by[- ]step)"
    r"\b[^:：\n]{0,30}(?:[:：]|\*\*|\Z)"
    r"|(?:this|that|it)\s+is\s+because\b|because\b|here(?:['’]s|\s+is)\s+(?:why|how)\b|to\s+(?:check|verify)\b)",
    re.IGNORECASE,
)
# A story may tell of mistakes, of waiting and of the final score; these say that the answer is another one, or a guess.
_TAKEN_BACK = re.compile(
    r"(?:\A|[.!?:,]\s+)\W{0,5}(?:wait|hmm+|oops|sorry|no|actually|correction|on second thought|alternatively)\b(?!\s+[a-z])"
    r"|\b(?:may|might|could|should)(?:\s+(?:also|well|rather))?\s+be\b|\b(?:unsure|not\s+sure|i\s+was\s+wrong|i\s+made\s+an?)\b"
    r"|\bmy\s+(?:mistake|error|bad)\b|\b(?:is|was)\s+(?:wrong|incorrect)\b"
    r"|\b(?:final|correct|real|actual|right|other|another|true)\s+(?:answer|value|result)\b",
    re.IGNORECASE,
)
# A note may say what was assumed; one that says when another answer would hold is no explanation.
_CONDITION = re.compile(
    r"\b(?:if|unless|or|also|possible|possibly|perhaps|maybe|alternative\w*|instead|rather|otherwise|depend\w*|other|another|but"
    r"|would|not|n['’]t|however|though|valid|accept\w*"
    r"|works?|too|well)\b",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"[:：][\s*]{0,9}(?:[A-Za-z]\s?=\s?)?([-+$]{0,2}[\d.,/]{1,30})[\s*.]{0,9}\Z"
)  # a name and nothing but that
_SO = re.compile(r"[\s>*_-]{0,9}(?:so|thus|hence|therefore|total)\b", re.IGNORECASE)
_SEAL = re.compile(
    r"[\s>*_$\\]{0,12}(?:q\.?\s?e\.?\s?d\b\.?|(?:black)?square\b|(?:[✅✔☑🎉👍🙂😊□■◻▪∎]\ufe0f?\s{0,3}){1,4}"
    r"|confidence(?:\s+level)?[*_\s]{0,4}[:=][*_\s]{0,4}(?:\d{1,3}(?:\.\d{1,3})?\s?\\?%|(?:very\s+)?high|[01]?\.\d{1,3}|1))[\s*_$.]{0,9}",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\s{0,9}[*_]{0,2}\([^()\d$\\]{1,150}\)[.*_]{0,3}\s{0,9}")
_ALTERNATIVELY = re.compile(r"\W{0,5}(?:alternatively|otherwise|or|actually|rather|no|wait)\b", re.IGNORECASE)
_RULE = re.compile(r"\s{0,3}(?:-{3,}|\*{3,}|_{3,})\s{0,9}")
_CALCULATION = re.compile(r"\(?[-+*/×·÷\d\s.,$()]{1,60}=\s?\$?(\d[\d.,]{0,20}?)\.?\)?\.?")
_CLAIM = re.compile(r"\b(?:is|are|was|be|equals?|makes?|totals?|gives?|gets?|earns?)\W{0,4}\d|=", re.IGNORECASE)
_ANOTHER = re.compile(r"\b(?:(?i:yes|no|true|false|or\s+(?:is|it|its|rather))|[B-HJ-Z])\b")


def without_closing(text: str) -> str:
    r"""The text without courtesies at its end, and without an explanation or a sentence that repeats the answer behind it.

    An explanation has a name ("Explanation:", "Breakdown:", "This is because ...") right behind the line that states the
    answer, states no other one and takes nothing back; a note states no condition either. A sign that all is done (QED, a
    tick) goes, too.

    Example:
        >>> without_closing("**Answer:** 18\n\nI hope this helps!"), without_closing("Answer: 18\n\nCheck: 9 + 9 = 18")
        ('**Answer:** 18', 'Answer: 18')
        >>> without_closing("Answer: 18\n\nCheck: wait, it is 19.")
        'Answer: 18\n\nCheck: wait, it is 19.'
    """
    head, tail = text[:-MAX_TAIL], without_long_runs(text[-MAX_TAIL:])
    lines = tail.rstrip().split("\n")
    while len(lines) > 1 and (
        not lines[-1].strip() or _is_courtesy(lines[-1]) or _SEAL.fullmatch(lines[-1]) or _RULE.fullmatch(lines[-1])
    ):
        lines.pop()
    while len(lines) > 1 and _is_restated(lines):
        lines.pop()
        while not lines[-1].strip():
            lines.pop()
    names = [(k, name) for k, line in enumerate(lines) if k and (name := _NAME.match(line))]
    for k, _ in names[:_MOST_NAMES]:
        answer = "\n".join(lines[:k]).rstrip()
        marked = marked_answers(answer)
        if not marked and not answer.lower().endswith("</answer>") and (head or "\n" in answer):
            continue
        stated = _digits(marked[-1]) if marked else ""
        value = _VALUE.search(lines[k]) if stated else None
        if value is not None and _digits(value[1]) != stated:
            continue
        noted = next((n for n, named in names if n >= k and named["note"]), len(lines))
        if not any(_turns(line, stated, note=n >= noted) for n, line in enumerate(lines[k:], start=k)):
            return head + answer
    return head + "\n".join(lines)


def _turns(line: str, stated: str, *, note: bool) -> bool:
    """Whether a line of an explanation takes the answer back, states one, or concludes with another number."""
    if _TAKEN_BACK.search(line) or statement(line) is not None or (note and _CONDITION.search(line)):
        return True
    concluded = declared_number(line) if stated and _SO.match(line) else None
    return concluded is not None and _digits(concluded) != stated


def _is_restated(lines: list[str]) -> bool:
    """Whether the last line says in a sentence, which may end in it, the number that the line before states."""
    before = next((line for line in reversed(lines[:-1]) if line.strip()), "")
    last = lines[-1].strip()
    stated = statement(before)
    if not stated or statement(last) is not None:
        return False
    sum_again = _CALCULATION.fullmatch(last)
    if sum_again is not None:
        return _digits(sum_again[1]) == _digits(stated)
    if last.startswith("(") and last.rstrip(".").endswith(")"):
        last = last.rstrip(".")[1:-1]
    if _ALTERNATIVELY.match(last):
        return False
    again = declared_number(last)
    if again is None and not (_TAKEN_BACK.search(last) or DOUBT.search(last) or _ANOTHER.search(last)):
        told, comma, clause = last.rpartition(", ")
        again = declared_number(clause) if comma and not _CLAIM.search(told) and re.search("[a-z]{4}", clause) else None
    return (
        again is not None
        and bool(_digits(again))
        and _digits(again) == _digits(stated)
        and ("," not in again or not are_unlike(again, stated))
        and _scales(again) <= _scales(stated)
    )


def _scales(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+|%", text.lower()) if word == "%" or units.is_numeral(word)}


def _digits(text: str) -> str:
    return re.sub(r"[^\d./-]", "", text).strip(".")


def _is_courtesy(line: str) -> bool:
    if _REMARK.fullmatch(line) and not (DOUBT.search(line) or _CONDITION.search(line) or statement(line)):
        return not (_TAKEN_BACK.search(line) or _ANOTHER.search(line))
    return _COURTESY.fullmatch(line) is not None and not (_TAKEN_BACK.search(line) or _ANOTHER.search(line))
