r"""What a box is a piece of: ``-\boxed{18}``, ``\frac{\boxed{18}}{20}``, ``\phantom{\boxed{18}}``, ``it is not \boxed{18}``.

A box shows the answer where it stands for itself. Inside of another expression it is a piece of that one's value, in the
argument of a command that shows nothing it is hidden, and behind a "not" it is what the answer is not.
"""

from __future__ import annotations

import re

_REACH = 80  # characters
_NEAR = 24
_FAR = 2_000
# Commands whose argument is shown as it is.
_SHOWS = re.compile(
    r"\\(?:text\w*|math(?!\wlap)\w*|[mhf]box|framebox|makebox|boxed|bm|boldsymbol|pmb|emph|u?underline|uline|(?:under|over)brace"
    r"|(?:under|over)set|color|textcolor|colorbox|fcolorbox|bbox|tcbox|tcbhighmath|(?i:tiny|small|normalsize|large|huge)"
    r"|displaystyle|ensuremath|\w*(?:answer|ans|solution|result)|(?:sub)*section|paragraph|item|centering|centerline"
    r"|bf|rm|it|sf|tt|therefore|implies|Rightarrow|rightarrow|to|q?quad|left|right|big[lr]?|Big[lr]?|begin|end|highlight"
    r"|smash|vcenter|hl|hspace|vspace|raisebox|because|qed\w*)\*?\Z"
)
_COMMAND = re.compile(
    r"(?P<command>\\[A-Za-z]+\*?)\s{0,3}(?:\[[^\[\]\n]{0,40}\]\s{0,3})?(?:\{[^{}\n]{0,60}\}\s{0,3}){0,3}\Z|(?P<script>[\^_])\s{0,3}\Z"
)
_OPERATORS = r"(?:[+*/×·÷^_]|\\(?:cdot|times|div|pm|mp|ast)(?![A-Za-z]))"
_OPERAND = r"(?:\d|[)}]|(?<![A-Za-z])[A-Za-z])"
_PIECE_BEFORE = re.compile(  # a sign with a space behind it may be a bullet or a dash
    rf"(?:(?<![\w.)}}*-])[-−]|(?:\$|= ?|\\[(\[] ?)[-−] ?|\(\s?[-−]\s?\d{{1,4}}\s?\) ?"
    rf"|\d|(?<!\w)\d\.|{_OPERAND} {{0,2}}{_OPERATORS} {{0,2}}"
    r"|\\(?:ln|log|sin|cos|tan)(?:_\{?\w{1,3}\}?)? ?\(? {0,2}|\\pi {0,2}"
    r"|\\sqrt ?(?:\[\d\] ?)?\{[^{}]{0,30}\} ?|\\frac ?\{[^{}]{0,30}\} ?\{[^{}]{0,30}\} ?|(?<![\w\\])[xyz]"
    rf"|{_OPERAND}[-−]|\d {{0,2}}[-−+] {{0,2}}"
    r"|\\(?:neq?|not|lnot|neg|sqrt|ln|log|sin|cos|tan|overline) {0,2}|≠ ?|(?<![\w)}])!= ?|¬ ?|√ ?)\Z"
)
_SPACED_SIGN = re.compile(r"\$ {1,2}[-−] ?\Z")
_PIECE_BEHIND = re.compile(
    rf"\s{{0,2}}\^\s?\{{?\s?[-+]?[\da-z(]|\.\d|\s{{0,2}}{_OPERATORS}\s{{0,2}}(?:\d|\\[A-Za-z(]|[(a-z](?![A-Za-z]))[^=\n]{{0,80}}(?:\n|\Z)"
    r"|\\(?:pi|sqrt|[dt]?frac|overline|ln|log|sin|cos)(?![A-Za-z])|\s?\\[dt]?frac(?![A-Za-z])|[a-fh-ln-rt-zπ](?![A-Za-z.])|\.\\overline"
    r"|\s\d{1,2}/\d{1,3}(?![\d/])|[$*)\]\s]{0,4}(?:squared|cubed|factorial"
    r"|(?:plus|minus|times|divided by)\s\$?\d)(?!\w*\s?=)"
    r"|\s{1,2}[-−]\s{1,2}\d[\d.,]{0,9}[\s$.\\)\]]{0,6}(?:\n|\Z)"
)
_FACTOR_BEHIND = re.compile(
    r"\s?\\[a-z]|[a-zπ.]|\s\d|[\s$*)\]]{1,4}(?:squared|cubed|factorial|plus|minus|times|divided)\b"
)
_NO_FACTOR = frozenset(("$", "$.", ".", "$$", "\n", ".\n", "$.\n", "$\n"))  # the usual cases
_MAY_BE_FACTOR = ("pi", "}", "x", "y", "z", "(", "ln", "log", "sin", "cos", "tan")
_FACTOR_BEFORE = re.compile(
    r"(?:\\pi|\\(?:ln|log|sin|cos|tan)(?:_\{?\w{1,3}\}?)? ?\(?|\\(?:sqrt|frac)\W.*|(?<![\w\\])[xyz])\Z"
)
_LABELS = re.compile(
    r"\b(?:part|step|question|problem|case|exercise|answer|no|q)\.?\s?[#(]?\s?\w{1,4}\)?\W{1,6}\Z", re.IGNORECASE
)
_DEGREE = re.compile(r"\s{0,2}\^\s?\{?\s?(?:\\circ|o\b|°)")
_BEHIND_MARKS = frozenset("+*/×·÷^_-−")
_LAST = frozenset("-−+*/×·÷^_√¬≠.0123456789")
_COMMANDS_BEFORE = (
    "!=", "cdot", "times", "div", "pm", "mp", "ast", "\\ne", "neq", "\\not", "\\neg", "sqrt", "\\ln", "\\log", "\\sin",
    "\\cos", "\\tan", "\\overline",
)  # fmt: skip
_COMMANDS_BEHIND = ("\\cdot", "\\times", "\\div", "\\pm", "\\mp", "\\ast")
_DENYING = (
    "not", "n't", "n’t", "ever", "but", "cept", "ad of", "than", "lf of", "aybe", "haps", "ibly", "d be", "t be", "y be",
    "not equal", "equal to", "uess", "uess is", "uess it is", "uess is it is", "pose", "ssume", "cept for", "ess of",
    "inus", "tive",
)  # fmt: skip
_DENIED = re.compile(
    r"\b(?:(?:(?<!than )(?<!or )(?<!if )not|never|cannot|(?:is|was|are|were|do(?:es)?|did|[wc]o?a?|ai|(?:w|c|sh)ould)n['’]t)"
    r"(?:\s(?:be|equal(?:\sto)?))?"
    r"|(?:any|every)thing\s(?:but|except)|except(?:\sfor)?|instead\sof|rather\sthan|(?<!none )other\sthan|minus|negative"
    r"|half\sof|regardless\sof"
    r"|maybe|perhaps|possibly|(?:could|might|may)(?:\s(?:well|also))?\sbe|(?:i|my|a|wild|random)\sguess(?:\sis)?(?:\sit\sis)?|suppose|assume)"
    r"[,:]?[\s$*(\\\[{]{0,8}\Z",
    re.IGNORECASE,
)
_IN_TAG = re.compile(r"<[a-z]{1,10}\s[^<>\n]{0,60}=\s?[\"']?\Z", re.IGNORECASE)
_SAID_WRONG = re.compile(
    r"\b(?:wrong|incorrect|naive|naïve|false|tempting|erroneous)\s(?:final\s)?(?:answer|result|value|guess|solution|choice)"
    r"(?:\s(?:is|was|(?:would|could|might)\sbe)|\s?:)?[\s$*(\\\[{:]{0,8}\Z",
    re.IGNORECASE,
)


def why_not_shown(text: str, start: int, end: int) -> str | None:
    r"""Why the box from start to end is none that shows the answer, if so.

    Example:
        >>> texts = (r"-\boxed{18}", r"It isn't \boxed{18}", r"= \boxed{18}")
        >>> [why_not_shown(text, text.index("\\"), len(text)) for text in texts]
        ['the last box is a piece of an expression', 'the words before the last box deny it', None]
        >>> why_not_shown(r"\phantom{\boxed{18}}", 9, 19)
        'the last box stands in the argument of \\phantom'
    """
    before = text[start - _REACH if start > _REACH else 0 : start]
    last = before.rstrip(" $*(\\[{:,\n")
    if last.endswith(_DENYING) and _DENIED.search(before):
        return "the words before the last box deny it"
    if _speaks_of_wrong(before) and _SAID_WRONG.search(before):
        return "the words before the last box deny it"
    if "<" in before and _IN_TAG.search(before):
        return "the last box stands in an attribute"
    near = before.rstrip(" ")
    follow = text[end : end + 9].lstrip(" ")
    if (
        (near and (near[-1] in _LAST or (near[-1] == ")" and "-" in near[-7:])))
        or near.endswith(_COMMANDS_BEFORE)
        or (follow and (follow[0] in _BEHIND_MARKS or (follow[0] == "." and follow[1:2].isdigit())))
        or follow.startswith(_COMMANDS_BEHIND)
        or (follow and follow not in _NO_FACTOR and _FACTOR_BEHIND.match(text, end) is not None)
        or (near.endswith(_MAY_BE_FACTOR) and _FACTOR_BEFORE.search(near, max(0, len(near) - _NEAR)) is not None)
    ) and _is_piece(text, before, start, end):
        return "the last box is a piece of an expression"
    if text.count("{", 0, start) > text.count("}", 0, start):
        command = _hiding_command(text, start)
        if command is not None:
            return f"the last box stands in the argument of {command}"
    return None


def _speaks_of_wrong(text: str) -> bool:
    """At a glance, and unrolled: every response with a box passes here."""
    return (
        "rong" in text
        or "ncorrect" in text
        or "a\u00efve" in text
        or "aive" in text
        or "alse" in text
        or "empting" in text
        or "rroneous" in text
    )


def _is_piece(text: str, before: str, start: int, end: int) -> bool:
    """Whether the box is an operand of what stands around it."""
    behind = text[end : end + _REACH]
    found = _PIECE_BEFORE.search(before, max(0, len(before) - _NEAR))
    opened = _SPACED_SIGN.search(before)
    if opened is not None and before.rpartition("\n")[2].count("$", 0) % 2:  # the dollar sign opens a formula
        return True
    if found is not None and not _LABELS.search(before):
        return True
    return _PIECE_BEHIND.match(behind) is not None and _DEGREE.match(behind) is None


def _hiding_command(text: str, start: int) -> str | None:
    """The innermost command with the box in its argument that does not show it; None if all do."""
    closed = 0
    for at in range(start - 1, max(-1, start - _FAR), -1):
        char = text[at]
        if char == "}" and text[at - 1 : at] != "\\":
            closed += 1
        elif char == "{" and text[at - 1 : at] != "\\":
            if closed:
                closed -= 1
                continue
            found = _COMMAND.search(text, max(0, at - 2 * _REACH), at)
            if found is not None and (found["script"] or not _SHOWS.match(found["command"])):
                return found["command"] or found["script"]
    return None
