r"""From a model's whole response to the answer that it declares.

The last box counts (``\boxed``, ``\fbox``); without a box ``<answer>x</answer>`` at the end, a ``#### x`` line, or a last
line that reads ``Answer: x`` or ``the answer is x``, behind which a courtesy or an explanation may follow; without those a
response that is nothing but the answer. What stands in a think section never counts.
Declarations with only separators, "or" or "and" between them are one list: whoever lists guesses has answered with a list.
"""

from __future__ import annotations

import re

from composekit.compose.verifiers.announcements import announced_answers
from composekit.compose.verifiers.boxes import boxed_answers
from composekit.compose.verifiers.closings import without_closing
from composekit.compose.verifiers.extraction import Extraction as Extraction
from composekit.compose.verifiers.hedges import declared_last, is_another, may_declare_more
from composekit.compose.verifiers.statements import marked_answers, statement
from composekit.compose.verifiers.structured import json_answers
from composekit.compose.verifiers.thinking import may_hide_in_latex, without_hidden, without_thinking

MAX_RESPONSE = 1_000_000
MAX_BARE = 400

_BETWEEN = re.compile(
    r"(?:\s|[,;.:/|&$*~()-]|\b(?:or|and|also|either|else|maybe|perhaps|possibly|alternatively)\b)*", re.IGNORECASE
)
_MAX_BETWEEN = 80
_ANSWER_TAG = re.compile(
    r"<\s{0,9}+(?P<closing>/?)\s{0,9}+(?:(?:final[_ -]?)?answer|final|solution|result)\s{0,9}+>"
    r"|\[(?P<closed>/?)(?:final[_ ]?)?answer\]",
    re.IGNORECASE,
)
_WORKED = re.compile(r"</(?:solution|result|response|output)>\s*\Z", re.IGNORECASE)
_FENCED = re.compile(r"\s*```\w{0,9}[ \t]{0,9}\n([^\n]{1,400})\n[ \t]{0,9}```\s*")
_END_TOKEN = re.compile(r"(?:<(?:[|｜][\w▁ ]{1,40}[|｜]|/s|eos|end_of_turn)>|\[/INST\])\s*\Z")


def final_answer(response: str) -> Extraction:
    r"""The answer that a response declares.

    Args:
        response: The whole text that the model wrote.

    Returns:
        The declared answers; ``source`` is ``"box"``, ``"marker"`` (``<answer>`` tags, a ``####`` or answer
        line), ``"bare"`` (the response is one line and nothing but the answer, as far as its form tells), or ``"none"``.

    Example:
        >>> final_answer(r"<think>perhaps \boxed{7}</think> So it is \boxed{8}.").answers
        ('8',)
        >>> final_answer(r"\boxed{7} or \boxed{8}").answers
        ('7', '8')
        >>> final_answer("There is no answer.\nBut 7 appears in the text.").source
        'none'
    """
    if len(response) > MAX_RESPONSE:
        return Extraction((), "none", f"the response has more than {MAX_RESPONSE} characters")
    text = without_thinking(response)
    if "~" in text or "<" in text or "%" in text or may_hide_in_latex(text):
        text = without_hidden(text)
    boxed = boxed_answers(text)
    if boxed is not None:
        return boxed
    text = _without_end_tokens(text)
    declared = _tagged(text) or _marked(text)
    if declared is None:
        text = without_closing(_WORKED.sub("", text) if text.rstrip().endswith(">") else text)
        declared = _tagged(text) or _marked(text) or _announced(text)
    if declared is not None:
        if not may_declare_more(text):
            return declared
        others = (said for said in declared_last(text) if all(is_another(answer, said) for answer in declared.answers))
        return declared._replace(answers=(*dict.fromkeys(others), *declared.answers))
    fenced = _FENCED.fullmatch(text) if text.rstrip().endswith("```") else None
    text = fenced[1] if fenced else text
    line = " ".join(text.split())
    if not line:
        detail = "the response is empty" if not response.strip() else "nothing follows the think section"
        return Extraction((), "none", detail)
    if len(line) > MAX_BARE or "\n" in text.strip().strip("$[]\\").strip():
        return Extraction((), "none", "no box and no line that states the answer")
    return Extraction((line,), "bare")


def _marked(text: str) -> Extraction | None:
    marked = marked_answers(text)
    return Extraction(marked, "marker") if marked else None


def _announced(text: str) -> Extraction | None:
    announced = json_answers(text) or announced_answers(text)
    return Extraction(announced, "marker") if announced else None


def _without_end_tokens(text: str) -> str:
    """Without ``<|im_end|>``, ``</s>`` and the like at the end, which some decoders leave there."""
    for _ in range(3):
        token = _END_TOKEN.search(text, max(0, len(text) - 60))
        text = text[: token.start()] if token else text
    return text


def _tagged(text: str) -> Extraction | None:
    """What stands in ``<answer>`` tags at the end; neighbours with only separators between them are one list."""
    if ">" not in text and "]" not in text:
        return None
    tags = list(_ANSWER_TAG.finditer(text))
    contents: list[str] = []
    follow = len(text)
    while len(tags) > 1 and _closes(tags[-1]) and not _closes(tags[-2]) and len(contents) < 64:
        closing, opening = tags.pop(), tags.pop()
        between = text[closing.end() : follow]
        if not (_BETWEEN.fullmatch(between) if contents and len(between) <= _MAX_BETWEEN else not between.strip()):
            break
        content = text[opening.end() : closing.start()].strip()
        if "\n" in content and "answer" not in opening[0].lower():  # the whole work stands there
            break
        contents.insert(0, statement(content) or content)
        follow = opening.start()
    return Extraction(tuple(contents), "marker") if contents and contents[-1] else None


def _closes(tag: re.Match[str]) -> bool:
    return bool(tag["closing"] or tag["closed"])
