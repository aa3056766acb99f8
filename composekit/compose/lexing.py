r"""A lexer for prose with LaTeX, made for one question: in what place does each number stand?

It is not a parser of TeX. It follows mathematics and text mode, groups, exponents, subscripts, the arguments of commands,
environments, diagrams and code, because what a number means depends on these. It makes one pass over the text, its patterns
do not backtrack, and anything that it does not know makes the numbers inside unusable, never usable.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from composekit.compose.words import word_set

TEXT, MATH, TEXT_IN_MATH = 0, 1, 2
MAX_GROUPS = 200


class Lexeme(NamedTuple):
    """A piece of text. ``place`` is empty, or says what the groups around it make of a number: ``"exponent"``, ..."""

    kind: str  # number, fraction, word, command, delimiter (of mathematics), line, mark
    start: int
    end: int
    mode: int
    place: str


class Lexed(NamedTuple):
    """The lexemes of a text, and how it uses the dollar sign."""

    lexemes: list[Lexeme]
    latex: bool  # there is mathematics between delimiters
    currency: bool  # a dollar sign stands for money


_ARGUMENT = r"\s?(?:\{\s?[0-9]+\s?\}|[0-9])"
_PIECES = re.compile(
    r"(?P<space>[ \t\r\f\v\u00a0]+)"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<number>[0-9]{1,3}(?:(?:,|\{,\}|,\\!\ ?|\\,)[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|(?<!\.)\.[0-9]+)"
    rf"|(?P<fraction>\\[dtc]?frac{_ARGUMENT}{_ARGUMENT})"
    r"|(?P<line>\n)"
    r"|(?P<begin>\\begin\s?\{[A-Za-z]{1,20}\*?\})"
    r"|(?P<end>\\end\s?\{[A-Za-z]{1,20}\*?\})"
    r"|(?P<command>\\\\(?:\s?\[-?[0-9.]{1,8}[a-z]{2}\])?|\\[A-Za-z]+\*?|\\.)"
    r"|(?P<dollar>\$\$?)"
    r"|(?P<block>\[/?asy\]|```|`)"
    r"|(?P<mark>.)",
    re.DOTALL,
)

_MATH_ENVIRONMENTS = word_set(
    "align align* aligned equation equation* gather gather* gathered multline multline* eqnarray eqnarray* split cases "
    "matrix pmatrix bmatrix vmatrix Vmatrix Bmatrix smallmatrix displaymath math alignat alignat*"
)
_TEXT_COMMANDS = word_set(r"\text \textbf \textit \textrm \textnormal \mbox \hbox \emph \textsf \textup")
# Commands whose arguments hold plain values, with the number of arguments that may be a single digit (\frac34, \sqrt2).
TWO_ARGUMENTS = word_set(r"\frac \dfrac \tfrac \cfrac \binom \dbinom \tbinom")
_ARGUMENTS = dict.fromkeys(TWO_ARGUMENTS, 2) | {r"\sqrt": 1}
# Commands before a group that is no argument (\sin{30}), or whose one argument is a plain value.
_TRANSPARENT = word_set(
    r"""\sin \cos \tan \cot \sec \csc \arcsin \arccos \arctan \sinh \cosh \tanh \log \ln \lg \exp \max \min \gcd \det
    \cdot \times \div \pm \mp \le \leq \ge \geq \ne \neq \equiv \approx \sim \left \right \big \Big \bigg \Bigg
    \bigl \bigr \Bigl \Bigr \pmod \bmod \mod \pi \theta \alpha \beta \gamma \to \in \mid \quad \qquad \, \; \! \: \\
    \displaystyle \cup \cap \infty \circ \% \$ \# \& \lfloor \rfloor \lceil \rceil \{ \} \dots \ldots \cdots \colon
    \Rightarrow \implies \iff"""
) | {"\\ "}
_LENGTHS = word_set(r"\kern \hskip \vskip \mskip \mkern \raise \lower \moveleft \moveright \penalty")
_CASES = re.compile(r"\\(?:text|mbox|textnormal|textrm)\s?\{\s?(?:if|for|when|otherwise)\b")  # a piecewise definition
_COLUMNS = frozenset(("array", "tabular"))
_OPENERS = {r"\(": r"\)", r"\[": r"\]"}
_LETTERS_AND_GROUPS = re.compile(r"\\(?:text|mbox|textbf|textit|textrm|hbox)\s?\{[^{}]*\}|\\[A-Za-z]+")
# Possessive quantifiers (++), so that no input makes these backtrack.
_TWO_WORDS = re.compile(r"[A-Za-z]{2,}+[,.;]?\s++[A-Za-z]{2,}+")
_ONE_WORD = re.compile(r"(?:^|[\s(])(?!mod\b|sin\b|cos\b|tan\b|log\b)[A-Za-z]{2,}+(?![(^_])")


class _Frame:
    """An open group: what closes it, the mode inside, what it makes of a number, single-token arguments still to come."""

    __slots__ = ("arguments", "closer", "mode", "place")

    def __init__(self, closer: str, mode: int, place: str) -> None:
        self.closer, self.mode, self.place, self.arguments = closer, mode, place, 0


def lex(text: str) -> Lexed:
    """Cut a text into lexemes, each with its mode and its place."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.frames = [_Frame("", TEXT, "")]
        self.out: list[Lexeme] = []
        self.pending = ""  # the place that the next group or token is in, after ^ or _
        self.opaque = ""  # the place that the next group is in, after a command that is not known to hold values
        self.group_mode = -1  # the mode of the next group, after \text; -1: as it is
        self.latex = self.currency = False
        self.dollars = [m.start() for m in re.finditer(r"(?<!\\)\$", text)]

    def run(self) -> Lexed:
        handlers = {name: getattr(self, f"on_{name}") for name in _PIECES.groupindex if name != "space"}
        for match in _PIECES.finditer(self.text):
            kind = match.lastgroup or "space"
            if kind == "word" and not (
                self.pending or self.opaque or self.frames[-1].arguments or self.group_mode >= 0
            ):
                frame = self.frames[-1]  # most pieces are such words
                self.out.append(Lexeme("word", match.start(), match.end(), frame.mode, frame.place))
            elif kind != "space":
                handlers[kind](match.start(), match.end(), match[0])
        return Lexed(self.out, self.latex, self.currency)

    # --- helpers

    def settle(self) -> None:
        """What was waiting for the next token has had it."""
        self.pending, self.opaque, self.group_mode = "", "", -1

    def emit(self, kind: str, start: int, end: int, place: str = "") -> None:
        frame = self.frames[-1]
        self.out.append(Lexeme(kind, start, end, frame.mode, place or frame.place))

    def push(self, closer: str, mode: int, place: str = "") -> None:
        if len(self.frames) > MAX_GROUPS:
            self.frames[-1].place = "nested too deeply"
            return
        frame = self.frames[-1]
        self.frames.append(_Frame(closer, mode, frame.place or place))
        self.settle()

    def pop(self, closer: str) -> None:
        """Close the innermost group with this closer and what is left open inside it; nothing where there is none."""
        for depth in range(len(self.frames) - 1, 0, -1):
            if self.frames[depth].closer == closer:
                del self.frames[depth:]
                break
        self.settle()

    def code(self) -> bool:
        return self.frames[-1].place in ("code", "diagram code", "diagram label")

    # --- one handler a kind of piece

    def on_word(self, start: int, end: int, piece: str) -> None:
        frame = self.frames[-1]
        frame.arguments = max(0, frame.arguments - (end - start)) if frame.arguments else 0
        self.emit("word", start, end, self.pending)
        self.settle()

    def on_number(self, start: int, end: int, piece: str) -> None:
        frame = self.frames[-1]
        if frame.arguments and frame.mode == MATH:
            singles = min(frame.arguments, end - start)
            frame.arguments = 0
            place = "part of a longer number" if end - start > singles else ""
            for at in range(start, start + singles):
                self.emit("number", at, at + 1, place)
            if place:
                self.emit("number", start + singles, end, place)
        else:
            self.emit("number", start, end, self.pending)
        self.settle()

    def on_fraction(self, start: int, end: int, piece: str) -> None:
        self.emit("fraction", start, end, self.pending)
        self.settle()
        self.frames[-1].arguments = 0

    def on_line(self, start: int, end: int, piece: str) -> None:
        if self.frames[-1].closer in ("`", '"'):  # neither runs over a line
            self.frames.pop()
        self.emit("line", start, end)

    def on_begin(self, start: int, end: int, piece: str) -> None:
        name = piece[piece.index("{") + 1 : -1]
        frame = self.frames[-1]
        self.emit("command", start, end)
        if name == "asy":
            self.push("end", TEXT, "diagram code")
        elif name in _MATH_ENVIRONMENTS:
            self.latex = True
            self.push("end", MATH)
        elif name in _COLUMNS:
            cases = _CASES.search(self.text[end : end + 400].partition(r"\end{")[0])
            self.push("end", MATH if frame.mode == MATH else TEXT, "" if cases else "a table")
            self.pending = "layout"
        else:
            self.push("end", frame.mode, "" if name in ("center", "itemize", "enumerate", "quote") else "layout")

    def on_end(self, start: int, end: int, piece: str) -> None:
        self.pop("end")
        self.emit("command", start, end)

    def on_command(self, start: int, end: int, piece: str) -> None:
        frame = self.frames[-1]
        if piece in _OPENERS and frame.mode != MATH and not self.code():
            self.latex = True
            self.push(_OPENERS[piece], MATH)
            self.emit("delimiter", start, end)
            return
        if piece in (r"\)", r"\]"):
            self.emit("delimiter", start, end)
            self.pop(piece)
            return
        self.currency = self.currency or piece == r"\$"
        self.emit("command", start, end, self.pending)
        self.settle()
        taken = frame.arguments
        frame.arguments = _ARGUMENTS.get(piece, max(0, taken - 1) if taken else 0)
        if piece in _TEXT_COMMANDS:
            self.group_mode = TEXT_IN_MATH if frame.mode else TEXT
        elif piece in _LENGTHS:
            self.pending = "a length"
        elif piece not in _TRANSPARENT and piece not in _ARGUMENTS:
            self.opaque = "argument of " + piece

    def on_dollar(self, start: int, end: int, piece: str) -> None:
        if self.code():
            return
        frame = self.frames[-1]
        if frame.mode == MATH:
            self.emit("delimiter", start, end)
            self.pop("$")
        elif len(piece) == 2 or self.opens_math(start):
            self.latex = True
            self.push("$", MATH)
            self.emit("delimiter", start, end)
        else:
            self.currency = True
            self.emit("mark", start, end)

    def opens_math(self, start: int) -> bool:
        """Whether a dollar sign in text opens mathematics rather than names a price."""
        following = bisect_right(self.dollars, start)
        if following == len(self.dollars):
            return False
        stop = self.dollars[following]
        inside = self.text[start + 1 : stop]
        if not inside.strip() or "\n\n" in inside:
            return False
        prose = _LETTERS_AND_GROUPS.sub(" \\ ", inside)
        if _TWO_WORDS.search(prose):
            return False
        if (
            inside[0].isdigit() or inside[0] == "."
        ):  # $5 or $x$ more: a price is followed by words, or by the next price
            after = self.text[stop + 1 : stop + 2]
            return not (inside[-1].isspace() or after.isdigit() or _ONE_WORD.search(prose))
        return not inside[0].isspace() or not _ONE_WORD.search(prose)

    def on_block(self, start: int, end: int, piece: str) -> None:
        frame = self.frames[-1]
        if piece == "[asy]":
            self.push("[/asy]", TEXT, "diagram code")
        elif piece == "[/asy]":
            self.pop(piece)
        elif frame.closer == piece:
            self.frames.pop()
        elif not self.code() and frame.mode == TEXT and (piece == "```" or "`" in self.line_after(end)):
            self.push(piece, TEXT, "code")
        self.emit("mark", start, end)

    def line_after(self, end: int) -> str:
        return self.text[end : end + 200].partition("\n")[0]

    def on_mark(self, start: int, end: int, piece: str) -> None:
        frame = self.frames[-1]
        if self.code():
            self.emit("mark", start, end)
            if piece == '"' and frame.closer == piece:
                self.frames.pop()
            elif piece == '"' and frame.place == "diagram code":
                self.frames.append(_Frame(piece, TEXT, "diagram label"))
        elif piece == "{" or (piece == "(" and self.pending == "exponent"):
            mode = frame.mode if self.group_mode < 0 else self.group_mode
            frame.arguments = max(0, frame.arguments - 1)
            self.emit("mark", start, end)
            self.push("}" if piece == "{" else ")", mode, self.pending or self.opaque)
        elif piece in "})" and frame.closer == piece:
            self.frames.pop()
            self.emit("mark", start, end)
        elif piece == "[" and self.out and self.text[self.out[-1].start : self.out[-1].end] == r"\sqrt":
            self.emit("mark", start, end)
            self.push("]", frame.mode, "root index")
        elif piece == "]" and frame.closer == "]":
            self.frames.pop()
            self.emit("mark", start, end)
        else:
            self.emit("mark", start, end)
            if not (piece in "+-" and self.pending == "exponent"):
                self.settle()
                self.pending = {"^": "exponent", "_": "subscript"}.get(piece, "")
                frame.arguments = 0
