r"""The verifier of mathematical answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from composekit._errors import bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.verdict import Status, Verdict, Verifier
from composekit.compose.verifiers import worker
from composekit.compose.verifiers.asked import (
    is_in_another_unit,
    is_labelled_otherwise,
    repeats_scale,
    without_asked_scale,
)
from composekit.compose.verifiers.compounds import in_one_unit
from composekit.compose.verifiers.congruences import residue
from composekit.compose.verifiers.echo import is_echo
from composekit.compose.verifiers.exactmath.judge import DECIMALS, SAME, Judgement, judge
from composekit.compose.verifiers.extract import Extraction, final_answer
from composekit.compose.verifiers.forms import (
    asked_value,
    is_another_function,
    is_another_option,
    is_in_another_form,
    is_unsimplified,
    is_unsolved,
)
from composekit.compose.verifiers.prose import declared_list, declared_number, is_sentence, spaced_list
from composekit.compose.verifiers.restated import end_of_chain, in_digits, rounded, said_twice, without_breakdown
from composekit.compose.verifiers.statements import without_label
from composekit.compose.verifiers.undone import is_left_open, is_undone
from composekit.compose.verifiers.wording import says_nothing_exists, says_word, without_counted

_STATUS: dict[str, Status] = {
    "equal": "correct", "different": "wrong", "unreadable": "unparseable", "undecided": "unparseable", "timeout": "timeout",
    "memory": "error", "error": "error", "missing": "unparseable",
}  # fmt: skip
OTHER_UNIT = "the answer is in another unit than the question asks for"
_NAMED = re.compile(r"[a-z)]\s?\}?\s?[:=]")
_TURNED = re.compile(r"\s*([-+\d.,\\{}a-z/ ]{1,60}?)\s*=\s*[a-zA-Z]\s*")  # 9 = x
_OR = re.compile(r"(?<=[)\]])\s?(?:\\text\s?\{\s?or\s?\}|\bor\b)(?=\s?[(\[])")
_MARKS = 3  # exclamation marks that may end a sentence
_ONLY = re.compile(r"\A(?:\\text\s?\{)?\s?[Oo]nly\s?\}?\s?(?=\S)|(?:\\text\s?\{|(?<=\s))\s?only\s?\}?[.\s]{0,3}\Z")
_NAMED_POINT = re.compile(r"\A\s?[A-Z]\s?(?=(?:\\left)?\()")  # P(1, 2)
_HALF_DAY = re.compile(r"\s?(?:\\text\s?\{)?\s?[ap]\.?\s?m\.?\s?\}?\.?\Z", re.IGNORECASE)
_MOST_TRIES = 8  # expressions of the question that an answer may be a copy of
_LETTER = re.compile(r"[^\W\d_]")


class MathVerifier(Verifier):
    r"""Judges mathematical answers exactly, and leaves to Math-Verify, in a killable process, what has no exact form here.

    The answer that counts is the last box (``\boxed{x}``), else ``<answer>x</answer>`` at the end, a ``#### x`` line or a
    last line ``Answer: x`` or ``the answer is x``, else a response that is nothing but an answer; think sections never
    count. Several boxes with only separators between them are one list, and a list answers only a question for a list.
    A sentence that was declared the answer and holds one number declares that number. The answer must be worked out, in
    the unit that the question asks for.

    Numbers, fractions, decimals, percent, radicals, polynomials, intervals, sets, tuples, matrices, units, equations and
    words are compared by exact arithmetic: no tolerance, no floating point. A comparison that this leaves open (function
    values, nested radicals, sums, integrals) goes to a worker process with a deadline, shared by all instances.

    Args:
        timeout: Seconds that the worker may spend on one answer, once it is running.

    Raises:
        ArgumentError: ``timeout`` is not positive.

    Guarantees: deterministic but for timeouts; picklable; safe in threads, in ``asyncio``, after ``fork`` and under
    anybody's alarm, for it uses no signals; no worker outlives the process.

    Example:
        >>> from composekit.compose import MathVerifier, Problem
        >>> problem = Problem("What is 1/2 + 1/4?", r"\frac{3}{4}")
        >>> MathVerifier().verify(r"It is \boxed{0.75}.", problem).status
        'correct'
        >>> MathVerifier().verify(r"\boxed{0.75} or \boxed{0.5}", problem).status
        'wrong'
        >>> MathVerifier().compare(gold=r"1 \pm \sqrt{2}", answer=r"1-\sqrt2, 1+\sqrt2").correct
        True

    Source: Math-Verify (Hugging Face) for the conventions of answers; the exact path is our own.
    """

    def __init__(self, *, timeout: float = 0.8) -> None:
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise bad_type("MathVerifier", "timeout", "be a number of seconds", type(timeout).__name__, "Give a float")
        if not 0 < timeout < float("inf"):
            raise bad_value("MathVerifier", "timeout", "be positive and finite", timeout, "The default is 0.8 seconds")
        self.timeout = float(timeout)

    def __repr__(self) -> str:
        return f"MathVerifier(timeout={self.timeout})"

    def verify(self, response: str, problem: Problem) -> Verdict:
        """Extract the declared answer from a whole response and compare it with ``problem.answer``."""
        _check_text("MathVerifier.verify", "response", response)
        found = final_answer(response)
        if found.source == "box" and any("nswer" in answer.lower() for answer in found.answers):
            found = found._replace(answers=tuple(map(without_label, found.answers)))
        if not found.answers:
            return Verdict(0.0, "unparseable", None, found.detail)
        if any(is_left_open(answer, problem.answer) for answer in found.answers):
            detail = "the answer leaves a sum, an integral, a limit or the like to be evaluated"
            return Verdict(0.0, "wrong", ", ".join(found.answers), detail)
        if found.source == "bare":
            verdict = self._bare(found.answers[0], problem.answer)
        elif len(found.answers) == 1:
            answer = found.answers[0]
            verdict = self.compare(gold=problem.answer, answer=answer)
            if verdict.status in ("wrong", "unparseable"):
                verdict = self._read_again(_bared(answer, found.source), answer, problem, verdict)
        else:
            verdict = self._listed(found, problem.answer)
        said = found.answers[0]
        named = ("=" in said or ":" in said) and _NAMED.search(said) is not None
        if named and verdict.correct and is_labelled_otherwise(said, problem.prompt, problem.answer):
            return Verdict(0.0, "wrong", verdict.extracted, OTHER_UNIT)
        # The gold answer's own text and plain decimals are the usual case, and no echo.
        if verdict.correct and verdict.detail != SAME and (verdict.detail != DECIMALS or "$" in response):
            answers = found.answers if len(found.answers) > 1 else (verdict.extracted or found.answers[0],)
            for answer in answers:
                fault = self._fault(answer, problem, verdict)
                if fault:
                    return Verdict(0.0, "wrong", verdict.extracted, fault)
        return verdict

    def _read_again(self, answer: str, said: str, problem: Problem, verdict: Verdict) -> Verdict:
        """The answer without what the question counts, or the one number of a sentence, or the word of one."""
        if answer != said:
            verdict = self.compare(gold=problem.answer, answer=answer)
            if verdict.status not in ("wrong", "unparseable"):
                return verdict
        if _LETTER.search(answer) is None and "'" not in answer and "(" not in answer:
            return verdict
        prompt, gold = problem.prompt, problem.answer
        if says_word(answer, gold, prompt) or says_nothing_exists(answer, gold, prompt):
            return Verdict(1.0, "correct", answer, "compared as words")
        whole = in_one_unit(answer, problem.prompt, problem.answer)
        if whole is not None:
            answer, verdict = whole, self.compare(gold=problem.answer, answer=whole)
            if verdict.correct:
                return verdict
        if (twice := self._twice(answer, problem)) is not None:
            return twice
        for form in _other_forms(answer, problem):
            if form != answer and (found := self.compare(gold=gold, answer=form)).correct:
                return found
        tells = verdict.status == "unparseable" or is_sentence(answer)
        number = declared_number(answer, prompt) if tells else None
        plain = without_counted(answer, prompt) or without_asked_scale(number or answer, prompt) or number
        if plain is None:
            return verdict
        found = self.compare(gold=problem.answer, answer=plain)
        return found if found.correct or "=" not in plain else verdict

    def _twice(self, answer: str, problem: Problem) -> Verdict | None:
        """The verdict on an answer that says one value in two ways, each of which is right; None for others."""
        found = []
        for said in said_twice(answer) or ():
            verdict = self.compare(gold=problem.answer, answer=said)
            whole = None if verdict.correct else in_one_unit(said, problem.prompt, problem.answer)
            verdict = verdict if whole is None else self.compare(gold=problem.answer, answer=whole)
            if not verdict.correct:
                return None
            if is_in_another_unit(said, problem.prompt, problem.answer):
                return verdict
            found.append(verdict)
        if found and judge(found[0].extracted or "", found[1].extracted or "").status != "equal":
            return None  # 50 and 0.5 may both be 50 %, and are two values
        faultless = (v for v in found if self._fault(v.extracted or "", problem, v) is None)
        return next(faultless, found[0]) if found else None

    def _fault(self, answer: str, problem: Problem, verdict: Verdict) -> str | None:
        """Why an answer that is worth the gold answer is none to the question, if so."""
        if is_in_another_unit(answer, problem.prompt, problem.answer):
            return OTHER_UNIT
        if verdict.detail == DECIMALS:
            return None
        if is_echo(answer, problem.prompt, problem.answer, self._worth(problem)) or repeats_scale(
            answer, problem.prompt
        ):
            return "the answer only repeats an expression of the question"
        if is_undone(answer, problem.prompt, problem.answer):
            return "the answer leaves a calculation undone"
        if is_unsolved(answer, problem.prompt, problem.answer):
            return "the answer is an equation or inequality that nobody solved"
        if is_another_option(answer, problem.prompt):
            return "the text of the answer is another option's than its letter"
        if is_another_function(answer, problem.prompt, problem.answer):
            return "the answer is about another function of the question"
        if is_unsimplified(answer, problem.prompt, problem.answer) or is_in_another_form(
            answer, problem.prompt, problem.answer
        ):
            return "the answer is not in the form that the question asks for"
        return None

    def _worth(self, problem: Problem) -> Callable[[str], bool]:
        """Whether an expression is worth the gold answer, for a few expressions; the worker is asked once at most."""
        tries, asks = iter(range(_MOST_TRIES)), iter(range(1))

        def worth(expression: str) -> bool:
            if next(tries, None) is None:
                return False
            judgement = judge(problem.answer, expression)
            if judgement.status == "undecided" and next(asks, None) is not None:
                return self._verdict(judgement, problem.answer, expression).correct
            return judgement.status == "equal"

        return worth

    def compare(self, *, gold: str, answer: str) -> Verdict:
        """Compare a bare answer with a bare gold answer."""
        _check_text("MathVerifier.compare", "gold", gold)
        _check_text("MathVerifier.compare", "answer", answer)
        return self._verdict(judge(gold, answer), gold, answer)

    def _verdict(self, judgement: Judgement, gold: str, answer: str) -> Verdict:
        status, detail = judgement.status, judgement.detail
        if status == "undecided":
            reply = worker.ask(gold, answer, self.timeout)
            return self._from_worker(reply, answer)
        return Verdict(float(status == "equal"), _STATUS[status], answer, detail)

    def _from_worker(self, reply: dict[str, str], answer: str) -> Verdict:
        status, detail = reply["status"], reply.get("detail", "")
        if status == "timeout":
            detail = f"no verdict within {self.timeout} s"
        elif status == "memory":
            detail = "the comparison needs more memory than a worker may have"
        elif status == "missing":
            detail = f"this comparison needs Math-Verify. Run: {worker.PIP}" + (f" ({detail})" if detail else "")
        return Verdict(float(status == "equal"), _STATUS[status], answer, detail)

    def _bare(self, line: str, gold: str) -> Verdict:
        """A response of one line without box or marker counts only if it is an answer and no sentence."""
        verdict = self.compare(gold=gold, answer=line)
        if not verdict.correct and (said := _bared(line, "bare")) != line:
            verdict = self.compare(gold=gold, answer=said)
        if verdict.correct or verdict.status in ("timeout", "error"):
            return verdict
        return Verdict(0.0, "unparseable", None, "no box and no line that states the answer")

    def _listed(self, found: Extraction, gold: str) -> Verdict:
        """Adjacent declarations are one list; one value declared again, perhaps in another form, is no list of guesses."""
        joined = ", ".join(found.answers)
        verdict = self.compare(gold=gold, answer=joined)
        if verdict.correct:
            return verdict
        first, *others = dict.fromkeys(end_of_chain(answer, found.answers[-1]) for answer in found.answers)
        if all(judge(first, other).status == "equal" for other in others):
            verdicts = [self.compare(gold=gold, answer=answer) for answer in (first, *others)]
            return next((v for v in verdicts if not v.correct), verdicts[0])
        if verdict.status in ("wrong", "unparseable"):
            count = len(found.answers)
            return Verdict(
                0.0, "wrong", joined, f"{count} answers are declared, which is not the one that was asked for"
            )
        return verdict


def _other_forms(answer: str, problem: Problem) -> Iterator[str]:
    """The answer without the name of a point or half a day, rounded behind it, in digits, its value alone, or as a list."""
    gold, prompt = problem.answer, problem.prompt
    yield _NAMED_POINT.sub("", answer) if "," in gold else _HALF_DAY.sub("", answer) if ":" in gold else answer
    yield rounded(answer) or answer
    if (whole := without_breakdown(answer)) is not None:
        yield declared_number(whole, prompt) or answer
    if (spelled := in_digits(answer)) is not None:
        yield declared_number(spelled, prompt) or answer
    if "mod" in answer and "mod" not in gold:
        yield residue(answer, prompt) or answer
    if "=" in answer and "=" not in gold:
        turned = _TURNED.fullmatch(answer)
        yield turned[1] if turned else asked_value(answer, prompt) or answer
    listed = spaced_list(answer) or declared_list(answer)
    yield listed or (_OR.sub(r"\\cup", answer) if "\\cup" in gold else answer)


def _bared(answer: str, source: str) -> str:
    """An answer without "only" around it, and outside of boxes without the exclamation mark that ends its sentence."""
    if source != "box" and answer.endswith(("!", "!*", "!**", "!_", "\uff01")):
        plain = answer.rstrip("!*_\uff01 ")
        if sum(map(answer[len(plain) :].count, "!\uff01")) <= _MARKS:
            answer = plain + "**" * (plain.count("**") % 2)
    return _ONLY.sub("", answer) if "nly" in answer else answer


def _check_text(op: str, argument: str, value: object) -> None:
    if not isinstance(value, str):
        raise bad_type(op, argument, "be a string", type(value).__name__, "Convert it to text first")
