"""The verifier of answers that must match character for character: the output of a program, a name, a code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from composekit._errors import bad_type
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict, Verifier
from composekit.compose.verifiers.closings import without_closing
from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.program_text import fences
from composekit.compose.verifiers.statements import DOUBT, states_answer, without_label
from composekit.compose.verifiers.thinking import without_hidden, without_thinking

_WRAPPERS = (("`", "`"), ("**", "**"), ("*", "*"), ("$", "$"), (r"\(", r"\)"))
_QUOTED = (('"', '"'), ("“", "”"), ("«", "»"))  # a program may print them
_NAMES = r"\\(?:text(?:bf|tt|it|rm|sf|normal)?|math(?:rm|tt|bf|it|sf)|mbox|emph|operatorname)\s{0,9}"
_COMMAND = re.compile(rf"{_NAMES}\{{(.*)\}}", re.DOTALL)
_INNER_COMMAND = re.compile(rf"{_NAMES}\{{([^{{}}]*)\}}")
_VERDICTS = frozenset(("yes", "no", "true", "false"))
_QUOTES = "\"'“”‘’«»"
_REASONED = re.compile(
    rf"(yes|no|true|false)[{_QUOTES}]?(?:(?:[,;:.]|\s[–—-])\s+|\s+(?=\(.*\)\Z))(?P<reason>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_CONCLUDED = re.compile(
    r"(?P<reason>.{1,200}[,;:.]\s(?:and\s)?(?:so|hence|thus|therefore)),?\s(?:it(?:['’]s|\sis)\s)?[*_\"]{0,3}(?P<said>yes|no|true|false)[*_\".!]{0,4}",
    re.IGNORECASE | re.DOTALL,
)
_TURNED = re.compile(
    r"\b(?:yes|no|true|false|or|but|wait|actually|unless|if|maybe|perhaps|however|wrong|sometimes|both|might|could|part"
    r"|possibly|alternatively|otherwise|unsure|not\s+sure)\b",
    re.IGNORECASE,
)
_MAX_REASONED = 400  # characters of a response that is a verdict and its reason
_OUTPUT = re.compile(
    r"\b(?:outputs?|prints?|printed|results?|returns?|displays?|writes?|shows?|answer)\b[^\n]{0,60}:\W*\Z"
    r"|(?:\A|\n)[ \t]{0,3}(?:#{1,6}|\*\*)[ \t]{0,3}(?:(?:the|final|expected|program)[ \t]){0,3}"
    r"(?:output|result)[ \t*]{0,9}\Z",
    re.IGNORECASE,
)
_LONE_VERDICT = re.compile(r"[\s>*_#-]{0,9}(?:yes|no|true|false)\b", re.IGNORECASE)
_PRINTED = re.compile(
    r"(?P<before>.{0,200}?)\b(?:(?:output|value\s+printed|printed\s+value)"
    r"(?:\s+of\s+(?:the|this)\s+(?:program|code|function|script|snippet))?[*_]{0,3}"
    r"|(?:it|this|program|code|function|script|snippet|(?<!\w)`?print(?:\([^()\n]{0,40}\))?`?)\s+(?:will\s+|would\s+)?(?:prints?|outputs?|writes?|returns?|displays?|shows)"
    r"|(?<![\w`])prints(?=:)|printed\s+(?:result|output)|result\s+printed)(?:\s*\b(?:is|will\s+be|would\s+be)\b)?\s*[:：]?\s*(?P<what>\S.*)",
    re.IGNORECASE,
)
# "`[1, 2]` is printed.", where nothing else is said
_IS_PRINTED = re.compile(
    r"(?:(?:so|thus|hence|therefore),?\s)?(?:the\s(?:value|output|result|list|string|text|number)\s)?`(?P<what>[^`\n]{1,400})`"
    r"\s(?:is|will\sbe)\s(?:printed|displayed|returned|the\s(?:output|printed\s(?:value|output)))(?:\sto\sthe\s(?:console|screen))?\.?",
    re.IGNORECASE,
)
_TO_THE_CONSOLE = re.compile(
    r"(?<=`)\s(?:to|on)\s(?:the\s)?(?:console|screen|terminal|stdout|standard output)(?=\.?\Z)", re.IGNORECASE
)
_BETWEEN_OUTPUTS = 5  # lines
_STARS = re.compile(r"\*{1,3}+(?!\s)|(?<=\S)\*{1,3}+")  # but no bullet
_ESCAPED = re.compile(r"\\([_{}%$#& ])")
_VERBATIM = re.compile(r"\\verb\*?([^\w\s*{])([^\n]*)\1")


class ExactVerifier(Verifier):
    r"""Judges answers that must be equal as text, after Unicode composition and without white space at the ends of lines.

    The answer that counts is the last box, else an answer line, else a fenced block at the end, else a response that
    is nothing but the answer. Around it Markdown's emphasis and LaTeX's ``\text{...}`` and escapes (``\_``) may stand. Upper
    and lower case are two things, but for yes, no, true and false, which are words, unless a program wrote them
    (``problem.domain == "code"``).

    Args:
        ignore_case: Whether upper and lower case are the same.

    Guarantees: deterministic, picklable, safe in threads.

    Example:
        >>> from composekit.compose import ExactVerifier, Problem
        >>> problem = Problem("What does print([1, 2]) write?", "[1, 2]", verifier="exact")
        >>> ExactVerifier().verify("Answer: [1, 2]", problem).status
        'correct'
        >>> ExactVerifier().verify(r"\boxed{[1,2]}", problem).status
        'wrong'
    """

    def __init__(self, *, ignore_case: bool = False) -> None:
        if not isinstance(ignore_case, bool):
            got = type(ignore_case).__name__
            raise bad_type("ExactVerifier", "ignore_case", "be True or False", got, "Pass a bool")
        self.ignore_case = ignore_case

    def __repr__(self) -> str:
        return f"ExactVerifier(ignore_case={self.ignore_case})"

    def verify(self, response: str, problem: Problem) -> Verdict:
        """Extract the declared answer from a whole response and compare it with ``problem.answer``."""
        if not isinstance(response, str):
            raise bad_type("ExactVerifier.verify", "response", "be a string", type(response).__name__, "Pass the text")
        found = final_answer(response)
        if found.source in ("box", "marker"):
            same = len(set(found.answers)) == 1
            # A list is no verdict with a reason behind it: "no" or "none of these".
            verdict = self._judge(found.answers[0] if same else ", ".join(found.answers), problem, reasons=same)
            if same and not verdict.correct and (plain := without_label(found.answers[0])) != found.answers[0]:
                return self._judge(plain, problem)
            return verdict
        text = without_hidden(without_thinking(response))
        fenced = _last_fenced(text) or _last_fenced(without_closing(text))
        if fenced is not None:
            return self._judge(fenced, problem)
        if any(self._judge(whole, problem, reasons=False).correct for whole in (text, without_closing(text))):
            return Verdict(1.0, "correct", text.strip(), "the response is the answer")
        if self._is_word(problem) and len(text) < _MAX_REASONED and _REASONED.match(text.replace("**", "").lstrip()):
            verdict = self._judge(text.strip(), problem)
            if verdict.correct:
                return verdict
        *before, last = [line for line in text[-2_000:].splitlines() if line.strip()] or [""]
        if self._is_word(problem) and before and not any(map(_LONE_VERDICT.match, before)):
            verdict = self._judge(last, problem, reasons=False)
            if verdict.correct:
                return verdict
        printed = _printed(text) if problem.domain == "code" else None
        if printed is not None:
            return self._judge(printed, problem)
        return Verdict(0.0, "unparseable", None, found.detail or "no box and no line that states the answer")

    def compare(self, *, gold: str, answer: str) -> Verdict:
        """Compare a bare answer with a bare gold answer, in every letter's case: no question says here what they mean."""
        for name, value in (("gold", gold), ("answer", answer)):
            if not isinstance(value, str):
                raise bad_type("ExactVerifier.compare", name, "be a string", type(value).__name__, "Pass the text")
        return self._same(gold, answer, word=False)

    def _judge(self, answer: str, problem: Problem, *, reasons: bool = True) -> Verdict:
        """Compare with a problem's answer; what a program prints has its case. A declared verdict may give its reason."""
        word = self._is_word(problem)
        answer = _verdict(answer) if word and reasons else answer
        return self._same(problem.answer, answer, word=word, quoted=problem.domain != "code")

    @staticmethod
    def _is_word(problem: Problem) -> bool:
        """Whether the answer is a yes, no, true or false that no program wrote."""
        return problem.domain != "code" and problem.answer.strip().casefold() in _VERDICTS

    def _same(self, gold: str, answer: str, *, word: bool, quoted: bool = False) -> Verdict:
        if not answer.strip():
            return Verdict(0.0, "unparseable", None, "the answer is empty")
        forms = map(self._fold, _unwrapped(answer, quoted))
        if word:
            right = self._fold(gold).casefold() in (form.casefold().strip(f" .!_{_QUOTES}") for form in forms)
        else:
            right = self._fold(gold) in forms
        return Verdict(float(right), "correct" if right else "wrong", answer, "compared as text")

    def _fold(self, text: str) -> str:
        lines = unicodedata.normalize("NFC", text).strip().splitlines()
        folded = "\n".join(line.rstrip() for line in lines)
        return folded.casefold() if self.ignore_case else folded


def _verdict(text: str) -> str:
    """The word of a verdict, without the reason that may follow it: ``no, 91 is 7 times 13``, ``No (91 = 7 * 13)``."""
    reasoned = _REASONED.fullmatch(_INNER_COMMAND.sub(r"\1", text).replace("**", "").strip(f" .!_$\n{_QUOTES}"))
    if reasoned is None and (concluded := _CONCLUDED.fullmatch(text)) and not _TURNED.search(concluded["reason"]):
        return concluded["said"]
    return reasoned[1] if reasoned is not None and _TURNED.search(reasoned["reason"]) is None else text


def _last_fenced(text: str) -> str | None:
    """What stands in a fenced block at the end that is the whole response, or that the line before it announces."""
    if not text.rstrip().endswith(("```", "~~~")):
        return None
    *_, one, last = [None, None, *fences(text)]
    if last is None or text[last.end :].strip():
        return None
    before = text[: last.start].rstrip()[-2_000:]
    if before.strip() and not _announces(before):
        return None
    if (
        one is not None
        and len(text[one.end : last.start].split("\n")) < _BETWEEN_OUTPUTS
        and _announces(text[: one.start])
    ):
        return f"{one.content}\n{last.content}" if one.content != last.content else last.content  # two outputs
    return last.content


def _announces(text: str) -> bool:
    """Whether a text ends with words that announce an output or an answer."""
    text = text.rstrip()[-2_000:]
    return states_answer(text) or _OUTPUT.search(text[-200:]) is not None


def _printed(text: str) -> str | None:
    """What a last line says that a program writes; None where it says nothing of it, or with a doubt."""
    lines = [line.strip() for line in text[-2_000:].splitlines() if line.strip()]
    if len(lines) > 1 and lines[-2].endswith((":", ":**")):
        lines[-2:] = [" ".join(lines[-2:])]
    if lines and (alone := _IS_PRINTED.fullmatch(lines[-1])):
        return (
            None
            if len(lines) > 1 and (_PRINTED.fullmatch(lines[-2]) or _IS_PRINTED.fullmatch(lines[-2]))
            else alone["what"]
        )
    lines[-1:] = [_TO_THE_CONSOLE.sub("", line) for line in lines[-1:]]
    said = _PRINTED.fullmatch(lines[-1]) if lines else None
    if said is None or DOUBT.search(said["before"]):
        return None
    again = _PRINTED.fullmatch(lines[-2]) if len(lines) > 1 else None
    if again and again[0][: again.start("what")].rstrip("`*") == said[0][: said.start("what")].rstrip("`*"):
        return "\n".join(lines[-2:])  # two outputs
    what = said["what"]
    marks = _STARS.findall(said[0][: said.start("what")])
    if len(marks) % 2 == 0:
        return what
    if what.startswith(marks[-1]):  # it ends what the words before it are set in
        return what.removeprefix(marks[-1]).strip()
    return what.removesuffix(".").removesuffix(marks[-1])


def _unwrapped(answer: str, quoted: bool) -> Iterator[str]:
    """The answer as it stands, and without the marks that Markdown or LaTeX put around it, or without quotation marks."""
    yield answer
    for text in dict.fromkeys((answer.strip(), answer.strip().removesuffix("."))):
        for _ in range(4):
            before = text
            for opening, closing in (*_WRAPPERS, *_QUOTED) if quoted else _WRAPPERS:
                if len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
                    text = text[len(opening) : -len(closing)].strip()
            if command := _COMMAND.fullmatch(text) or _VERBATIM.fullmatch(text):
                text = command[command.re.groups]
            if text == before:
                break
            yield text
            yield text.strip().removesuffix(".")
        yield _ESCAPED.sub(r"\1", text)
