"""The verifier of multiple-choice answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from composekit._errors import bad_type
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict, Verifier
from composekit.compose.verifiers.closings import without_closing
from composekit.compose.verifiers.exactmath.cleaning import clean
from composekit.compose.verifiers.exactmath.lexer import MAX_CHARACTERS
from composekit.compose.verifiers.exactmath.worded import words
from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.other_options import said_beside
from composekit.compose.verifiers.statements import DOUBT, REASON, without_label
from composekit.compose.verifiers.thinking import without_hidden, without_thinking

_TEXT = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|normal)?|math(?:rm|bf|it|sf|tt)|mbox|emph|operatorname)\s*(?=\{)|\\(?:rm|bf|sf)\s"
)
_LABEL = re.compile(
    r"(?:(?:option|choice|answer|letter)\s+)?[(\[]{0,2}\s*([A-Za-z])\s*[)\]]{0,2}\s*[.:)]?", re.IGNORECASE
)
_LABELLED = re.compile(
    r"(?:(?:option|choice)\s+)?(?:\(\s*([A-Za-z])\s*\)|([A-Za-z])\s*(?:[).:]|[-–—](?=\s)))\s*(\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_SEVERAL = re.compile(
    r"[(\[]?\s*[A-Za-z]\s*[)\]]?(?:\s*(?:,|;|&|\band\b)+\s*[(\[]?\s*[A-Za-z]\s*[)\]]?)+", re.IGNORECASE
)
_SINCE = re.compile(r"\A(?:since|because|as)\s{1,3}", re.IGNORECASE)
_WITH_TEXT = re.compile(
    r"(?:(?:[Oo]ption|[Cc]hoice)\s+)?\(?([A-Za-z])\)?"
    r"(?:\s*(?:,?\s*(?:which|that) is\b|\(|[-,:\u2013\u2014])|\s)\s*(.+?)\s*\)?",
    re.DOTALL,
)
_OPTION = re.compile(r"(?m)^[ \t]*\(?([A-Z])[.):][ \t]+(\S[^\n]{0,300})")
_TAKEN_BACK = re.compile(
    r"\b(?:not|never|no|wrong|false|incorrect|eliminated|impossible|possibl[ey]|probabl[ey]|perhaps|maybe|could|might|may be"
    r"|though|but|none of|all of|same as|or)\b|n['’]t\b|(?<![\w'’])[B-HJ-Z](?![\w'’])"
)
_OTHER_LABEL = re.compile(
    r"\(\s*[A-Za-z]\s*\)|\b(?:or|nor|either|maybe|perhaps)\b|(?:^|[,;/&])\s*[A-Z]\s*[.)]?\s*$|\b[A-Z][).:](?:\s|$)|"
    r"\b(?i:and|also|unless|actually|otherwise|alternatively)\s+[(]?[A-Z]\b[).]?|^\s*(?:[,;/|&+]|and\b)"
)

# What the text of an option says of itself without taking it back: 97 has no divisors other than 1 and itself
_NO_MORE = re.compile(
    r"\A\s+(?:has|have)\s+no\s+(?:(?:\w+\s+){1,3}(?:other\s+than|except|besides|apart\s+from)\s+(?=[\d(]|itself\b|one\b)"
    r"|(?:\w+\s+)?(?:divisors?|factors?|remainder|solutions?|roots?)\b)|\A\s+(?:is|are)\s+not\s+divisible\b"
)
# The letter in a group of its own before a text: \text{B} \text{ 97}
_OWN_GROUP = re.compile(r"\A\s*(\\text\w{0,9}\s{0,9}\{)\s*\(?([A-Za-z])\)?[.:]?\s*\}[\s~]*(?=\\text)")
_TICK = re.compile(
    r"[\s>*_-]{0,9}(?:[✅✔☑👉➡🎯][\ufe0f\s*_]{0,9})++(?P<said>(?i:option\s+|choice\s+)?\(?[A-Z]\b.{0,300})"
)

# "Option B is correct", "so B is the right answer"; "I choose B", "my choice is B: 97"
_SO = r"(?:(?:conclusion|summary|verdict):\s+)?(?:(?:so|thus|hence|therefore|then|and so),?\s+)?"
_IS_RIGHT = re.compile(
    rf"{_SO}(?:the\s+|i\s+get\s+|we\s+(?:get|have)\s+)?(?P<said>(?:(?:option|choice|answer)\s+)?\(?[A-Z]\b.{{0,300}}?),?\s+(?:is|as)\s+"
    r"(?:(?:thus|therefore|clearly|indeed|hence)\s+)?(?:(?:the|our|my)\s+)?(?:only\s+|final\s+)?"
    r"(?:correct|right|best|answer)(?:\s+(?:answer|option|choice|one))?",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    rf"{_SO}(?:i(?:\s+would|\s+will|['’]d|['’]ll)?\s+(?:choose|chose|pick|select|go\s+with|went\s+with)|i(?:['’]m|\s+am)\s+(?:going\s+with|choosing|picking|selecting)|"
    r"(?:selected|chosen|selection|response)\s*[:=]|which\s+is\s+(?=(?:option|choice)\b)|my\s+(?:choice|pick|selection|final\s+choice)\s+is|(?:selected|chosen|final)\s+(?:answer|option|choice)\s*(?:is\b|[:=])|"
    r"(?:it|this)\s+is\s+(?:(?:therefore|thus|hence|clearly|indeed)\s+)?(?=(?:option|choice)\b)"
    r"|(?:故|因此|所以)?[，,]?\s?(?:应|正确)?选(?:择|项)?(?:是|为)?[:：]?(?=\s?[(（]?[A-Z](?![A-Za-z])))"
    r"\s*(?<![a-z])(?:the\s+)?(?P<said>\S.*)",
    re.IGNORECASE,
)
# "So it's B.", "Hence, option B"; a last line that is nothing but a letter, or a letter and its text in bold.
_CONCLUDED = re.compile(
    r"(?i:(?:so|thus|hence|therefore),?\s+(?:(?:it|this)(?:\s+is|['’]s)\s+)?|(?:it|this)(?:\s+is|['’]s)\s+)"
    r"(?P<said>(?:(?i:option|choice)\s+)?[(]?[A-Z][).:]{0,2})"
)
# "Only B (97) is prime."
_ONLY = re.compile(
    rf"{_SO}only\s+(?P<said>(?:(?:option|choice)\s+)?\(?[A-Z]\)?(?:\s*\([^()]{{1,60}}\))?)\s+(?P<verb>is|are|has|have|does|can)\s+"
    r"(?P<what>[a-z].{0,80})",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"(?P<letter>[*_]{0,3}(?:[Oo]ption\s)?[(\[`$]{0,2}[A-Z][)\]`$]{0,2}[*_]{0,3}\.?[*_]{0,3})|\*\*(?P<text>[(]?[A-Z][).:]{1,2}\s[^*]{1,200})\*\*\.?"
)
_BEGINS = re.compile(r"[\s>*_#-]{0,9}[(]?[A-Za-z](?:[).:]{1,2}(?:\s|[*_]|\Z)|[*_]{0,3}\Z)")
_CAPITAL = re.compile(r"(?:(?i:option|choice|answer|letter)\s+)?[(\[]?\s*[A-Z](?![A-Za-z])")


class ChoiceVerifier(Verifier):
    r"""Judges the letter of an option, written ``C``, ``(C)``, ``C.``, ``Option C``, or with its text: ``(C) 42``.

    It counts where any answer does, and in a last sentence that chooses it: "Option C is correct", "I choose C".

    Where the problem lists its options in ``metadata["choices"]`` (letter to text, or texts in order) or in its prompt, a
    line each, the text of an option counts as its letter. Naming two letters is wrong unless the gold answer names just
    these.

    Guarantees: deterministic, picklable, safe in threads.

    Example:
        >>> from composekit.compose import ChoiceVerifier, Problem
        >>> problem = Problem("Which is prime?", "B", verifier="choice", metadata={"choices": {"A": "91", "B": "97"}})
        >>> judge = ChoiceVerifier()
        >>> [judge.verify(r, problem).status for r in (r"\boxed{B}", "The answer is 97.", "Answer: A or B")]
        ['correct', 'correct', 'wrong']
    """

    def __repr__(self) -> str:
        return "ChoiceVerifier()"

    def verify(self, response: str, problem: Problem) -> Verdict:
        """Extract the declared option from a whole response and compare it with ``problem.answer``."""
        if not isinstance(response, str):
            raise bad_type("ChoiceVerifier.verify", "response", "be a string", type(response).__name__, "Pass the text")
        found = final_answer(response)
        options = _options(problem.metadata.get("choices")) or _listed(problem.prompt)
        said = tuple(map(without_label, found.answers)) if found.source == "box" else found.answers
        if found.source in ("none", "bare") and not (said and letters(said[0], options)):
            said = _chosen(without_closing(without_hidden(without_thinking(response))), options, problem.prompt) or said
        if not said:
            return Verdict(0.0, "unparseable", None, found.detail)
        if found.source == "box" and options and len(said) == 1 and (own := letters(said[0], options)):
            shown = without_hidden(without_thinking(response))
            said += tuple(x for x in said_beside(shown) if (_letter_of(x, options) or own) != own)
        same = {words(a) for a in said}
        answer = said[0] if len(same) == 1 else " or ".join(said)
        verdict = self._judge(problem.answer, answer, options)
        if found.source == "bare" and said == found.answers and not verdict.correct and letters(answer) is None:
            return Verdict(0.0, "unparseable", None, "no box and no line that states the answer")
        return verdict

    def compare(self, *, gold: str, answer: str) -> Verdict:
        """Compare a bare option with the bare gold option."""
        for name, value in (("gold", gold), ("answer", answer)):
            if not isinstance(value, str):
                raise bad_type("ChoiceVerifier.compare", name, "be a string", type(value).__name__, "Pass the text")
        return self._judge(gold, answer, {})

    def _judge(self, gold: str, answer: str, options: Mapping[str, str]) -> Verdict:
        if not answer.strip():
            return Verdict(0.0, "unparseable", None, "the answer is empty")
        if len(answer) > MAX_CHARACTERS:
            return Verdict(0.0, "unparseable", None, f"the answer has more than {MAX_CHARACTERS} characters")
        wanted = letters(gold, options) or _letter_of(gold, options)
        given = letters(answer, options) or _letter_of(answer, options)
        if given is None and len(chosen := _chosen(answer, options)) == 1:
            given = letters(chosen[0], options)
        if wanted is None:  # options without letters are compared by their words
            right = words(gold) == words(answer)
            return Verdict(float(right), "correct" if right else "wrong", answer, "compared as words")
        if given is None:
            hedge = len(_OTHER_LABEL.findall(f"({answer})" if len(answer) == 1 else answer)) > 1
            return Verdict(0.0, "wrong" if hedge or options else "unparseable", answer, "no single option is named")
        right = wanted == given
        return Verdict(float(right), "correct" if right else "wrong", answer, f"option {', '.join(sorted(given))}")


def letters(text: str, options: Mapping[str, str] | None = None) -> frozenset[str] | None:
    """The options that a bare answer names, None where it names none or hedges; ``options`` has their folded texts."""
    text = _OWN_GROUP.sub(r"\1\2. } ", text)
    plain = re.sub(r"\*\*|[{}]", "", _TEXT.sub("", clean(text))).replace("\\", " ").strip(" .*_$\n\t!\"'`")
    single = _LABEL.fullmatch(plain)
    if single:
        return frozenset(single[1].upper())
    labelled = _LABELLED.fullmatch(plain)
    if labelled:
        letter = (labelled[1] or labelled[2]).upper()
        named = _letter_of(labelled[3], options or {})
        if named is not None:  # the text of an option settles it, whatever words it has
            return named if letter in named else None
        reason = _behind_own_text(labelled[3], letter, options or {})
        if _leaves(labelled[3] if reason is None else reason, letter, options or {}):
            return frozenset(letter)
    beside = _WITH_TEXT.fullmatch(plain) if options else None
    if beside and options:
        letter, text = beside[1].upper(), beside[2]
        reason = _behind_own_text(text, letter, options)
        if _letter_of(text, options) == frozenset(letter) or (reason is not None and _leaves(reason, letter, options)):
            return frozenset(letter)
    if _SEVERAL.fullmatch(plain):
        return frozenset(c.upper() for c in re.findall(r"\b[A-Za-z]\b", plain))
    return None


def _behind_own_text(text: str, letter: str, options: Mapping[str, str]) -> str | None:
    """What stands behind the text of a letter's own option, as in ``97 is prime``; None where that does not come first."""
    own, text = options.get(letter, ""), _SINCE.sub("", text)
    if not own or not text.casefold().startswith(own) or text[len(own) : len(own) + 1].isalnum():
        return None
    return _NO_MORE.sub(" ", text[len(own) :]).lstrip(" ,;:.-")


def _leaves(reason: str, letter: str, options: Mapping[str, str]) -> bool:
    """Whether a reason takes the letter before it not back, and names no other."""
    taken_back = _OTHER_LABEL.search(reason) or _TAKEN_BACK.search(_lower_first(reason))
    return not taken_back and not _names_another(reason, letter, options)


def _chosen(text: str, options: Mapping[str, str], prompt: str = "") -> tuple[str, ...]:
    """What the last sentences of a text say is chosen, or is the right option; none where they leave a doubt."""
    found: list[str] = []
    lines = [line.strip() for line in text[-2_000:].splitlines() if line.strip()]
    if lines and _TICK.fullmatch(lines[-1]):  # every option with a tick is one that is said to be right
        return tuple(re.sub(r"[*_$]", "", tick["said"]) for tick in map(_TICK.fullmatch, lines) if tick)
    alone = _ALONE.fullmatch(lines[-1]) if lines else None
    if alone is not None and not (len(lines) > 1 and _BEGINS.match(lines[-2])):
        return (re.sub(r"[*_]", "", alone[0]),)
    for line in reversed(lines):
        said = [
            _said(sentence, options, prompt)
            for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z(])", re.sub(r"[*_$]", "", line))
        ]
        if said[-1] is None:
            break
        found += [x for x in said if x is not None]
    return tuple(found)


def _said(sentence: str, options: Mapping[str, str], prompt: str) -> str | None:
    """The option that a sentence says is chosen, in its last clause; None where there is none, or a doubt or another."""
    sentence = REASON.sub("", sentence.strip()).strip(" .!。！")
    if concluded := _CONCLUDED.fullmatch(sentence):
        return concluded["said"]
    if (only := _ONLY.fullmatch(sentence)) and _CAPITAL.match(only["said"]) and not DOUBT.search(only["what"]):
        asked = f" {words(only['verb'])} {words(only['what'])} " in f" {words(prompt[-20_000:].partition('?')[0])} "
        return only["said"] if asked and letters(only["said"], options) else None
    *before, last = re.split(r",\s+", sentence)
    match = _CHOSEN.fullmatch(last) or _IS_RIGHT.fullmatch(last)
    if match is None or letters(match["said"], options) is None or not _CAPITAL.match(match["said"]):
        return None
    if any(DOUBT.search(clause) or _CHOSEN.fullmatch(clause) or _IS_RIGHT.fullmatch(clause) for clause in before):
        return None
    return match["said"]


def _names_another(text: str, letter: str, options: Mapping[str, str]) -> bool:
    """Whether a text behind a letter holds the letter of another option, standing alone, or the text of one."""
    said = f" {words(text)} "
    for other, option in options.items():
        small = "" if other in ("A", "I") else other.lower()  # a and i are words
        if other != letter and (
            re.search(rf"(?<![\w'’])[{other}{small}](?![\w'’])", text) or (option and f" {option} " in said)
        ):
            return True
    return False


def _lower_first(text: str) -> str:
    """The text with a small first letter, unless that is a letter alone."""
    return text[:1].lower() + text[1:] if text[1:2].isalpha() else text


def _options(choices: Any) -> dict[str, str]:
    """The options as letter to folded text; labels that are no single letter are left out."""
    if isinstance(choices, Mapping):
        pairs = [(str(k), v) for k, v in choices.items()]
    elif isinstance(choices, Sequence) and not isinstance(choices, str):
        pairs = [(chr(ord("A") + k), v) for k, v in enumerate(choices)]
    else:
        return {}
    return {k.upper(): words(str(v)) for k, v in pairs if len(k) == 1 and k.isalpha()}


def _listed(prompt: str) -> dict[str, str]:
    """The options that stand in a prompt, a line each: A, B, ... without a gap."""
    found = _OPTION.findall(prompt[-20_000:])
    in_order = [letter for letter, _ in found] == [chr(ord("A") + k) for k in range(len(found))]
    return {letter: words(text) for letter, text in found} if len(found) > 1 and in_order else {}


def _letter_of(text: str, options: Mapping[str, str]) -> frozenset[str] | None:
    """The option whose text this is, if just one has it."""
    said = words(text)
    found = [letter for letter, option in options.items() if option == said]
    return frozenset(found) if len(found) == 1 else None
