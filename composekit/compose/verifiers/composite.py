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
from composekit.compose.verifiers.program_text import fences
from composekit.compose.verifiers.thinking import without_thinking

# White space is bounded or kept wherever two patterns could share it, or a long run of it takes quadratic time.
_HEADING = re.compile(
    r"^[ \t>]{0,40}+(?:[-*+•][ \t]{1,9}+|\d{1,2}[.)][ \t]{1,9}+)?(?:#{1,6}+[ \t]{0,9}+)?[*_]{0,3}+"
    r"[ \t]{0,9}+(?:(?:final[ \t]{1,3}+)?answer[ \t]{1,3}+(?:to|for|of)[ \t]{1,3}+)?"
    r"\(?Part[ \t]{0,9}+(\d{1,3}+|(?:one|two|three|four|five|six|seven|eight|nine|ten|i{1,3}|iv|vi{0,3}|ix|x)\b)"
    r"(?:[ \t]{1,9}+(?:final[ \t]{1,3}+)?answer\b)?"
    r"(?:[ \t]{0,9}+\([^)\n]{0,60}\))?[ \t]{0,40}+[*_]{0,3}+[ \t]{0,40}+"
    r"(?:[:：][ \t]{0,40}+[*_]{0,3}+|[-–—][ \t]{1,9}+|\.(?:[*_]{1,3}+|(?=[ \t\n]|$))|\)[:：.]?(?=[ \t\n]|$)|(?=\n|$))",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10,
}  # fmt: skip
_LIST_MARK = re.compile(
    r"^[ \t]{0,3}+[*_]{0,3}+(?:(?:problem|question|answer|task)[ \t]{0,3}+)?(\d{1,3}+)[.):][*_]{0,3}+(?=\s)",
    re.I | re.M,
)
_INLINE = re.compile(
    r"(?i)(?<![A-Za-z])[*_]{0,3}+\(?part[ \t]{1,9}+(\d{1,3}+)\)?[ \t]{0,9}+[*_]{0,3}+[ \t]{0,9}+[:：=][*_]{0,3}+"
)
_GLUE = re.compile(r"\A\s+|(?:\s|[,;.]|\band\b|[*_]{2,3})+\Z", re.IGNORECASE)
_SHORT = re.compile(
    r"[^\sA-Za-z]{1,60}|[A-Za-z]{1,30}|\$[^$\n]{1,60}\$|\\\([^\n]{1,60}?\\\)|[-+]?\$?[\d.,]{1,30}%?(?: [A-Za-z]{1,30})?"
)
_LONGEST_LINE = 4_000
_LABEL = re.compile(r"[\s$({\\]*(?:(?:text|mathrm|mathbf|mathit)\s*\{\s*)?([A-Za-z]\w{0,9})\s*\}?\s*=")
_MOST_PIECES = 16  # under headings of one part
_SEVERITY: tuple[Status, ...] = ("wrong", "error", "timeout", "unparseable")


class CompositeVerifier(Verifier):
    r"""Judges a chain or tree by its final answer, and a bundle by every part, each with the part's own verifier.

    A response to a bundle is cut at headings ``Part 1:``, ``Part 2:``, ... at the starts of lines, or in one line that
    answers all parts. A part that is answered more than once must be answered rightly every time: listing several values is
    a hedge. A chain's steps may be boxed before its final answer, each apart.

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
        text = _on_lines(without_thinking(response), len(problem.parts))
        pieces = sections(text)
        if problem.topology == "bundle" and not pieces:
            pieces = _enumerated(text, len(problem.parts))
        verdicts = [self._part(pieces.get(k, ()), part) for k, part in enumerate(problem.parts, start=1)]
        if problem.topology == "bundle":
            return self._bundle(verdicts)
        return self._final(text, problem, verdicts)

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
        said = _without_named_boxes(_final_text(text, len(problem.parts)), problem.links)
        final = judge.verify(_without_steps(said, problem), last)
        if final.status == "unparseable" and verdicts[-1].status != "unparseable":
            final = verdicts[-1]
        if final.correct and _names_a_link(final.extracted or "", problem):
            final = Verdict(0.0, "wrong", final.extracted, "the value of a link is declared, not the final answer")
        verdicts = [*verdicts[:-1], final]
        score = 1.0 if final.correct else self._leading(verdicts)
        return Verdict(score, final.status, final.extracted, final.detail, tuple(verdicts))

    def _leading(self, verdicts: list[Verdict]) -> float:
        """The share of parts that are right from the first on, up to the first that is not."""
        if not self.partial:
            return 0.0
        leading = next((k for k, v in enumerate(verdicts) if not v.correct), len(verdicts))
        return leading / len(verdicts)


def sections(text: str) -> dict[int, tuple[str, ...]]:
    """The pieces of a response under ``Part k:`` headings, by k; headings inside fenced code do not count.

    Example:
        >>> sections("Part 1: 42\\n**Part 2:**\\nso 7\\n")
        {1: ('42',), 2: ('so 7',)}
    """
    pieces: dict[int, list[str]] = {}
    for k, _, start, end in _headed(text):
        pieces.setdefault(k, []).append(text[start:end].strip())
    return {k: tuple(found) for k, found in pieces.items()}


def _enumerated(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """The pieces of a response without headings that is a list with one number for each part: ``1. ...``, ``2. ...``."""
    marks = list(_LIST_MARK.finditer(text))
    if [int(mark[1]) for mark in marks] != list(range(1, count + 1)):
        return {}
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return {
        k: (text[mark.end() : end].strip(),) for k, (mark, end) in enumerate(zip(marks, ends, strict=True), start=1)
    }


def _headed(text: str) -> list[tuple[int, int, int, int]]:
    """For every heading its number, its start, and where what stands under it starts and ends."""
    code = list(fences(text))
    headings = []
    fence = 0
    for match in _HEADING.finditer(text):
        while fence < len(code) and code[fence].end <= match.start():
            fence += 1
        if fence == len(code) or match.start() < code[fence].start:
            headings.append(match)
    ends = [*(h.start() for h in headings[1:]), len(text)]
    return [
        (_NUMBERS.get(h[1].lower()) or int(h[1]), h.start(), h.end(), end)
        for h, end in zip(headings, ends, strict=False)
    ]


def _final_text(text: str, count: int) -> str:
    """The text without what stands under the headings of earlier parts: it answers those.

    Where the last heading of all is an earlier part's, what follows its answer may go on without a heading, and is kept.
    """
    headed = _headed(text)
    kept, at = [], 0
    for k, start, _, end in headed:
        kept.append(text[at:start] if k < count else text[at:end])
        at = end
    if headed and headed[-1][0] < count:
        _, _, start, end = headed[-1]
        inline = re.search(
            rf"(?i)\bpart[ \t]{{1,9}}{count}[ \t]{{0,9}}[*_]{{0,3}}[ \t]{{0,9}}[:：–—-].*", text[start:end], re.DOTALL
        )
        kept.append(inline[0] if inline else _behind_answer(text[start:end]))
    asked = rf"(?i)(\banswer\s{{1,9}}(?:to|of|for)\s{{1,9}})part\s{{1,9}}{count}\b"
    return re.sub(asked, r"\1the question", "\n".join([*kept, text[at:]]))


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


def _on_lines(text: str, count: int) -> str:
    """The text with a line for each part where one line answers them all: ``Part 1: 42, Part 2: 43``.

    Such a line names every part once, in order, and gives each a box or one short answer.
    """
    if count < 2 or len(_INLINE.findall(text)) < count:
        return text
    code, at, end = list(fences(text)), 0, -1
    lines = text.split("\n")
    for k, line in enumerate(lines):
        start, end = end + 1, end + 1 + len(line)
        while at < len(code) and code[at].end < start:
            at += 1
        labels = list(_INLINE.finditer(line)) if len(line) <= _LONGEST_LINE else []
        in_code = at < len(code) and code[at].start <= start
        if in_code or [int(label[1]) for label in labels] != list(range(1, count + 1)):
            continue
        stops = [*(label.start() for label in labels[1:]), len(line)]
        given = [_GLUE.sub("", line[label.end() : stop]) for label, stop in zip(labels, stops, strict=True)]
        if all(final_answer(piece).source == "box" or _SHORT.fullmatch(piece) for piece in given):
            lines[k] = "\n".join([line[: labels[0].start()], *(f"Part {i}: {x}" for i, x in enumerate(given, start=1))])
    return "\n".join(lines)


def _behind_answer(section: str) -> str:
    """What follows the line of a section that first declares an answer, or its first line if none does."""
    lines = section.splitlines()
    said = [k for k, line in enumerate(lines) if line.strip()]
    declaring = (k for k in said if final_answer(lines[k]).source in ("box", "marker"))
    first = next(declaring, said[0] if said else len(lines))
    return "\n".join(lines[first + 1 :])


def _judged_piece(judge: Verifier, piece: str, part: Problem) -> Verdict:
    """The verdict on what stands under one heading; a single line that is an answer and no sentence is declared by it."""
    if part.verifier != "code":
        piece = without_closing(piece)
    if part.verifier != "code" and piece and "\n" not in piece and final_answer(piece).source == "bare":
        declared = judge.verify(f"Answer: {piece}", part)
        if declared.status != "unparseable":
            return declared
    return judge.verify(piece, part)


def _overall(verdicts: list[Verdict]) -> Status:
    """``correct`` if all parts are; else the most telling of their statuses."""
    found = {v.status for v in verdicts}
    if found == {"correct"}:
        return "correct"
    return next(s for s in _SEVERITY if s in found)
