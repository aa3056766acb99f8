r"""The verifier of composites: the final answer of a chain, every part of a bundle."""

from __future__ import annotations

import re
from collections.abc import Sequence

from composekit._errors import bad_type
from composekit.compose.problem import Composite, Link, Problem
from composekit.compose.verdict import Status, Verdict, Verifier
from composekit.compose.verifiers.closings import without_closing
from composekit.compose.verifiers.dispatch import judge_for
from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.headings import concluded, final_text, on_lines, sections, untitled
from composekit.compose.verifiers.hedges import differ
from composekit.compose.verifiers.listings import listed
from composekit.compose.verifiers.recaps import corrections, listed_recap, one_box, recap
from composekit.compose.verifiers.thinking import without_thinking

_LABEL = re.compile(
    r"(?:(?i:so|thus|hence|therefore)\b,?)?[\s$({\\]*(?:(?:text|mathrm|mathbf|mathit)\s*\{\s*)?([A-Za-z]\w{0,9})\s*\}?\s*="
)
_TAGGED = re.compile(r"(.*)<answer>\s*(.*)</answer>\s*", re.DOTALL)
_MOST_PIECES = 16  # under headings of one part
_SEVERITY: tuple[Status, ...] = ("wrong", "error", "timeout", "unparseable")


class CompositeVerifier(Verifier):
    r"""Judges a chain or tree by its final answer, and a bundle by every part, each with the part's own verifier.

    A response to a bundle is cut at headings ``Part 1:``, ``Part 2:``, ... at the starts of lines, or in one line that
    answers all parts; at the numbers of a list or at ``Question k``; or into boxes on lines of their own, one a part. A part
    that is answered more than once, as in a recap of all at the end, must be answered rightly every time: listing several
    values is a hedge. A chain's steps may be boxed before its final answer, each apart.

    With ``partial`` credit, part k pays :math:`1/n` only if parts 1 to k-1 pay: the score of a bundle, or of a chain whose
    final answer is not right, is :math:`m/n`, where m parts from the first on are declared and right. A chain whose
    final answer is right scores 1. The status is ``"correct"`` for a full score alone.

    Args:
        partial: Whether leading right parts of a response that is not right altogether score.
        timeout: Seconds for each part, in place of its verifier's own limit.

    Guarantees: picklable; safe in threads; as deterministic as the parts' verifiers.

    Example:
        >>> from composekit.compose import Composite, CompositeVerifier, Problem
        >>> parts = (Problem("What is 6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"))
        >>> both = Composite("Solve both.", "42\nno", verifier="composite", parts=parts, topology="bundle")
        >>> response = "Part 1: \\boxed{42}\nPart 2: \\boxed{yes}"
        >>> CompositeVerifier().verify(response, both).score, CompositeVerifier(partial=True).verify(response, both).score
        (0.0, 0.5)
    """

    def __init__(self, *, partial: bool = False, timeout: float | None = None) -> None:
        if not isinstance(partial, bool):
            got = type(partial).__name__
            raise bad_type("CompositeVerifier", "partial", "be True or False", got, "Pass a bool")
        self.partial = partial
        self.timeout = timeout
        if timeout is not None:
            judge_for("math", timeout)  # raises for a limit that is no positive number

    def __repr__(self) -> str:
        return f"CompositeVerifier(partial={self.partial}, timeout={self.timeout})"

    def verify(self, response: str, problem: Problem) -> Verdict:
        """Judge a whole response to a composite; ``parts`` of the verdict are the verdicts on its parts."""
        if not isinstance(response, str):
            raise bad_type(
                "CompositeVerifier.verify", "response", "be a string", type(response).__name__, "Pass the text"
            )
        if not isinstance(problem, Composite):
            got = type(problem).__name__
            raise bad_type("CompositeVerifier.verify", "problem", "be a Composite", got, "Use chain() or bundle()")
        count, is_bundle = len(problem.parts), problem.topology == "bundle"
        text = on_lines(_untagged(without_thinking(response)), count)
        end = len(text) if is_bundle else concluded(text, count)
        pieces = sections(text[:end])
        if is_bundle:
            pieces = self._without_recap(pieces or listed(text, count) or one_box(text, count), problem)
        for k, said in (corrections(text, count) if is_bundle else {}).items():
            pieces = {**pieces, k: (*pieces[k], *said)} if k in pieces else pieces
        verdicts = [self._part(pieces.get(k, ()), part) for k, part in enumerate(problem.parts, start=1)]
        if is_bundle:
            return self._bundle(verdicts)
        verdict = self._final(final_text(text, count, end), problem, verdicts)
        if verdict.correct and len(pieces.get(count, ())) > 1 and verdicts[-1].status == "wrong":
            return Verdict(
                self._leading(verdicts),
                "wrong",
                verdicts[-1].extracted,
                "the last part is answered twice",
                tuple(verdicts),
            )
        if verdict.status == "unparseable" and not pieces and (found := listed(text, count)):
            return self._numbered(found, problem, verdict)
        return verdict

    def compare(self, *, gold: str, answer: str) -> Verdict:
        """Compare two bare answers, of a bundle line by line, as mathematics."""
        judge = judge_for("math", self.timeout)
        wanted, given = ([line for line in text.splitlines() if line.strip()] for text in (gold, answer))
        if len(wanted) <= 1:
            return judge.compare(gold=gold, answer=answer)
        if len(wanted) != len(given):
            return Verdict(0.0, "wrong" if given else "unparseable", answer, f"{len(given)} of {len(wanted)} answers")
        return self._bundle([judge.compare(gold=g, answer=a) for g, a in zip(wanted, given, strict=True)])

    def _part(self, pieces: Sequence[str], part: Problem) -> Verdict:
        """The verdict on everything that stands under the headings of one part."""
        judge = self if isinstance(part, Composite) else judge_for(part.verifier, self.timeout)
        if len(pieces) > _MOST_PIECES:
            return Verdict(0.0, "wrong", None, f"it has {len(pieces)} headings; {_MOST_PIECES} are read at most")
        right = undeclared = None
        for piece in pieces:
            verdict = _judged_piece(judge, piece, part)
            if verdict.correct:
                right = verdict
            elif verdict.extracted is not None:
                return verdict  # one that is wrong decides, and the others cost nothing
            else:
                undeclared = undeclared or verdict
        return right or undeclared or Verdict(0.0, "unparseable", None, "there is no heading for this part")

    def _without_recap(self, pieces: dict[int, tuple[str, ...]], problem: Composite) -> dict[int, tuple[str, ...]]:
        """The pieces of a bundle, where all answers that stand again behind the last one are pieces of their own parts."""
        count = len(problem.parts)
        *before, last = pieces.get(count, ("",))
        if count < 2 or problem.parts[-1].verifier == "code":
            return pieces
        listed = listed_recap(last, count)
        if listed is not None and self._part((listed.own,), problem.parts[-1]).extracted is None:
            listed = None  # a list of steps, perhaps: there is nothing yet that it could say again
        found = listed or recap(last, count)
        if found is None or (listed is None and self._part((last,), problem.parts[-1]).correct):  # a list is the answer
            return pieces
        again = {k: (*pieces.get(k, ()), rf"\boxed{{{said}}}") for k, said in enumerate(found.answers, start=1)}
        if self._part((found.own,), problem.parts[-1]).extracted is None:  # nothing that it could say again
            return {**again, count: pieces[count]}
        return {**again, count: (*before, found.own, again[count][-1])}

    def _bundle(self, verdicts: list[Verdict]) -> Verdict:
        status = _overall(verdicts)
        right = sum(v.correct for v in verdicts)
        score = 1.0 if status == "correct" else self._leading(verdicts)
        detail = f"{right} of {len(verdicts)} parts are right"
        return Verdict(score, status, None, detail, tuple(verdicts))

    def _final(self, text: str, problem: Composite, verdicts: list[Verdict]) -> Verdict:
        last = problem.parts[-1]
        if last.answer != problem.answer:
            last = last.replace(answer=problem.answer)
        judge = self if isinstance(last, Composite) else judge_for(last.verifier, self.timeout)
        said = _without_named_boxes(text, problem.links)
        final = judge.verify(_without_steps(said, problem), last)
        if final.status == "unparseable" and verdicts[-1].status != "unparseable":
            final = verdicts[-1]
        if final.correct and _names_a_link(final.extracted or "", problem):
            final = Verdict(0.0, "wrong", final.extracted, "the value of a link is declared, not the final answer")
        verdicts = [*verdicts[:-1], final]
        score = 1.0 if final.correct else self._leading(verdicts)
        return Verdict(score, final.status, final.extracted, final.detail, tuple(verdicts))

    def _numbered(self, pieces: dict[int, tuple[str, ...]], problem: Composite, verdict: Verdict) -> Verdict:
        """The verdict on a chain whose parts are answered in a list: its last entry counts if all before it are right."""
        verdicts = tuple(self._part(pieces[k], part) for k, part in enumerate(problem.parts, start=1))
        if problem.parts[-1].answer != problem.answer or not all(v.correct for v in verdicts):
            return verdict
        return Verdict(1.0, "correct", verdicts[-1].extracted, verdicts[-1].detail, verdicts)

    def _leading(self, verdicts: list[Verdict]) -> float:
        """The share of parts that are right from the first on, up to the first that is not."""
        if not self.partial:
            return 0.0
        leading = next((k for k, v in enumerate(verdicts) if not v.correct), len(verdicts))
        return leading / len(verdicts)


def _untagged(text: str) -> str:
    """The text without the one pair of ``<answer>`` tags that may stand around the headings of all parts."""
    tagged = _TAGGED.fullmatch(text) if text.rstrip().endswith("</answer>") and text.count("<answer>") == 1 else None
    return f"{tagged[1]}\n{tagged[2]}" if tagged is not None and len(sections(tagged[2])) > 1 else text


def _without_named_boxes(text: str, links: Sequence[Link]) -> str:
    r"""The text without the boxes in front of its last one that say what a link's symbol is: ``X = \boxed{42}``."""
    last = max(text.rfind(r"\boxed"), 0)
    symbols = "|".join({re.escape(symbol) for link in links for symbol in (link.symbol_in, link.symbol_out)})
    if not last or not symbols:
        return text
    label = rf"(?<![A-Za-z\\])(?:{symbols})\s{{0,3}}=\s{{0,3}}"
    named = rf"{label}\\boxed\{{[^{{}}]{{0,60}}\}}|\\boxed\{{\s{{0,3}}{label}[^{{}}]{{0,60}}\}}"
    return re.sub(named, "(a value found)", text[:last]) + text[last:]


def _without_steps(text: str, problem: Composite) -> str:
    r"""The last box alone of those in a row before which only the values of earlier parts are boxed, in their order.

    ``\[\boxed{42}\]`` and then ``\[\boxed{43}\]`` is no list of guesses, where each box but the last is right for a part of
    its own. ``\boxed{42}, \boxed{43}`` is one answer, and a list.
    """
    if text.count("box") < 2:
        return text
    found = final_answer(text)
    if not found.apart or not 1 < len(found.answers) <= len(problem.parts) + len(problem.links):
        return text
    at = 0
    for answer in found.answers[:-1]:
        if _is_passed_on(answer, at, problem):
            continue
        right = (k for k in range(at, len(problem.parts) - 1) if _is_value_of(answer, k, problem))
        at = next(right, len(problem.parts)) + 1
    return rf"\boxed{{{found.answers[-1]}}}" if at < len(problem.parts) else text


def _is_value_of(answer: str, part: int, problem: Composite) -> bool:
    """Whether an answer is that of an earlier part, or the number that a link takes from it."""
    source = problem.parts[part]
    values = [str(link.value_in) for link in problem.links if link.source == part]
    judge = judge_for("math", None)
    if any(judge.compare(gold=value, answer=answer).correct for value in values):
        return True
    return (
        source.verifier in ("math", "choice", "exact")
        and judge_for(source.verifier, None).compare(gold=source.answer, answer=answer).correct
    )


def _is_passed_on(answer: str, at: int, problem: Composite) -> bool:
    """Whether an answer is the number that a link makes of the value of a part before the one at this place."""
    judge = judge_for("math", None)
    values = [str(link.value_out) for link in problem.links if link.source < at]
    return any(judge.compare(gold=value, answer=answer).correct for value in values)


def _names_a_link(answer: str, problem: Composite) -> bool:
    """Whether an answer says what a link's symbol is, ``X = 24``, where the last part has no such symbol of its own."""
    label = _LABEL.match(answer)
    symbols = {symbol for link in problem.links for symbol in (link.symbol_in, link.symbol_out)}
    if label is None or label[1] not in symbols:
        return False
    return re.search(rf"(?<![A-Za-z\\]){re.escape(label[1])}(?![A-Za-z])", problem.parts[-1].prompt) is None


def _judged_piece(judge: Verifier, piece: str, part: Problem) -> Verdict:
    """The verdict on what stands under one heading; a single line that is an answer and no sentence is declared by it."""
    if part.verifier != "code":
        piece = untitled(without_closing(piece))
    if part.verifier != "code" and piece and "\n" not in piece and final_answer(piece).source == "bare":
        declared = judge.verify(f"Answer: {piece}", part)
        if declared.status != "unparseable":
            return declared
    verdict = judge.verify(piece, part)
    if verdict.correct and part.verifier != "code" and differ(piece.partition("\n")[0], verdict.extracted or ""):
        return Verdict(0.0, "wrong", verdict.extracted, "another answer stands under the heading")
    return verdict


def _overall(verdicts: list[Verdict]) -> Status:
    """``correct`` if all parts are; else the most telling of their statuses."""
    found = {v.status for v in verdicts}
    if found == {"correct"}:
        return "correct"
    return next(s for s in _SEVERITY if s in found)
