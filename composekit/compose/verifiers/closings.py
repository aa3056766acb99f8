"""What models write behind an answer that they have declared: a courtesy, or an explanation under a name of its own."""

from __future__ import annotations

import re

from composekit.compose.verifiers.prose import declared_number
from composekit.compose.verifiers.statements import marked_answers, statement, without_long_runs

MAX_TAIL = 20_000
_MOST_NAMES = 8  # at which an explanation may start
_COURTESY = re.compile(
    r"[\s>*_]*(?:(?:I|we)\s+)?(?:hope\s+(?:this|that|it)|let\s+me\s+know|please|feel\s+free|thank|thanks|would\s+you\s+like"
    r"|if\s+you\s+(?:have|need|want|would|['’]d)|good\s+luck|happy\s+to\s+help|happy\s+learning|glad\s+to\s+help"
    r"|do\s+you\s+(?:have|need|want)|is\s+there\s+anything)\b[^\d$\\]{0,200}",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"[\s>#*_-]{0,12}(?:(?:(?:brief|short|detailed|step[- ]by[- ]step|quick)\s+)?(?:explanation|reasoning|reasons?|"
    r"rationale|justification|verification|check(?:ing)?|proof|solution|workings?|steps|details|derivation)\b[^:：\n]{0,30}(?:[:：]|\*\*|\Z)"
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
_ANOTHER = re.compile(r"\b(?:(?i:yes|no|true|false|or\s+(?:is|it|its|rather))|[B-HJ-Z])\b")


def without_closing(text: str) -> str:
    r"""The text without courtesies at its end, and without an explanation or a sentence that repeats the answer behind it.

    An explanation has a name ("Explanation:", "Check:", "This is because ...") right behind the line that states the answer,
    states no other one and takes nothing back.

    Example:
        >>> without_closing("**Answer:** 18\n\nI hope this helps!"), without_closing("Answer: 18\n\nCheck: 9 + 9 = 18")
        ('**Answer:** 18', 'Answer: 18')
        >>> without_closing("Answer: 18\n\nCheck: wait, it is 19.")
        'Answer: 18\n\nCheck: wait, it is 19.'
    """
    head, tail = text[:-MAX_TAIL], without_long_runs(text[-MAX_TAIL:])
    lines = tail.rstrip().split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or _is_courtesy(lines[-1])):
        lines.pop()
    while len(lines) > 1 and _is_restated(lines):
        lines.pop()
        while not lines[-1].strip():
            lines.pop()
    names = [k for k, line in enumerate(lines) if k and _NAME.match(line)]
    for k in names[:_MOST_NAMES]:
        answer = "\n".join(lines[:k]).rstrip()
        if not marked_answers(answer) and not answer.lower().endswith("</answer>") and (head or "\n" in answer):
            continue
        if not any(_TAKEN_BACK.search(line) or statement(line) is not None for line in lines[k:]):
            return head + answer
    return head + "\n".join(lines)


def _is_restated(lines: list[str]) -> bool:
    """Whether the last line says in a sentence the number that the line before it states as the answer."""
    before = next((line for line in reversed(lines[:-1]) if line.strip()), "")
    stated, again = statement(before), declared_number(lines[-1])
    if not stated or again is None or statement(lines[-1]) is not None:
        return False
    return bool(_digits(again)) and _digits(again) == _digits(stated)


def _digits(text: str) -> str:
    return re.sub(r"[^\d./-]", "", text).strip(".")


def _is_courtesy(line: str) -> bool:
    return _COURTESY.fullmatch(line) is not None and not (_TAKEN_BACK.search(line) or _ANOTHER.search(line))
