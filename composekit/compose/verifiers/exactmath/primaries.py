"""What arithmetic is made of: numbers, names, brackets, commands, functions."""

from __future__ import annotations

from fractions import Fraction

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.grammar import (
    ACCENTS,
    BASES,
    END,
    FACTOR_COMMANDS,
    FRACTIONS,
    FUNCTIONS,
    GREEK,
    INVERSES,
    LOGS,
    MATRICES,
    OPEN_CLOSE,
    Cursor,
)
from composekit.compose.verifiers.exactmath.lexer import MAX_DIGITS, OverLimit, Token, Unreadable
from composekit.compose.verifiers.exactmath.tree import Node, number

_BOLD = frozenset({"mathbf", "boldsymbol", "bm"})
_PAIRED = ({"(", ")"}, {"[", "]"}, {"<", "rangle"})


class Primaries(Cursor):
    """The rules for arguments, primaries and functions."""

    def argument(self, *, whole_numbers: bool = False) -> Node:
        r"""What a command takes: a group, or one token. TeX takes one digit of ``\frac12``; powers take the number."""
        token = self.now
        if token.text == "{" and token.kind == "op":
            return self.group()
        if token.kind == "num" and not whole_numbers and len(token.text) > 1 and token.text[0].isdigit():
            self.tokens[self.at] = Token("num", token.text[1:], False)
            return number(int(token.text[0]))
        if token.kind in ("num", "based", "run", "word") or token.text in ("(", "[") or token.text in FACTOR_COMMANDS:
            return self.primary()
        raise Unreadable(f"a command without its argument before {token.text!r}")

    def group(self) -> Node:
        self.expect("{")
        saved, self.closers = self.closers, []
        node = self.items()
        self.closers = saved
        self.expect("}")
        if node.kind == "list":
            return Node("set", node.args[0])
        return node

    def primary(self) -> Node:
        self.enter()  # every way to nest passes here
        node = self.unnested_primary(self.take())
        self.leave()
        return node

    def unnested_primary(self, token: Token) -> Node:
        if token.kind == "num":
            return self.numeral(token.text)
        if token.kind == "based":
            return self.based(token.text)
        if token.kind in ("run", "word"):
            return self.letters(token)
        if token.kind == "op":
            return self.bracket(token)
        if token.kind == "env":
            return self.matrix(token)
        if token.kind == "cmd":
            return self.command(token.text)
        raise Unreadable("the answer stops too early")

    def numeral(self, text: str) -> Node:
        mantissa, _, power = text.lower().partition("e")
        if power and (len(power) > 5 or abs(int(power)) > MAX_DIGITS):
            raise OverLimit(f"an exponent over {MAX_DIGITS}")
        if text.isdigit():
            return Node("num", (int(text), text))
        whole, _, places = mantissa.partition(".")
        value = Fraction(int(whole + places), 10 ** len(places)) * Fraction(10) ** int(power or 0)
        return Node("num", (value.numerator if value.denominator == 1 else value, text))

    def based(self, text: str) -> Node:
        digits, _, rest = text.partition("_")
        name = "".join(c for c in rest.replace("\\text", "") if c.isalnum())
        base = BASES.get(name) or (int(name) if name.isdigit() else 0)
        if not 2 <= base <= 36 or any(int(c, 36) >= base for c in digits):
            raise Unreadable(f"digits that base {base} does not have")
        return Node("based", (digits.lstrip("0").upper() or "0", base))

    def letters(self, token: Token) -> Node:
        name = token.text
        if name in ("e", "i", "pi"):
            return Node("const", (name,))
        if name == "infinity":
            return Node("const", ("inf",))
        if name == "sqrt":
            return Node("root", (self.scalar(self.argument(whole_numbers=True)), number(2)))
        if name in FUNCTIONS or name in LOGS:
            return self.function(name)
        if len(name) > 1 and name not in GREEK:
            raise Unreadable(f"the word {name!r}")
        return self.variable(name)

    def variable(self, name: str) -> Node:
        if self.now.text == "_" and self.now.kind == "op":
            self.at += 1
            start = self.at
            self.argument(whole_numbers=True)
            name += "_" + "".join(t.text for t in self.tokens[start : self.at] if t.text not in "{}")
        while self.accept("'") or (self.now.text == "^" and self.peek().text == "prime" and self.accept("^")):
            self.accept("prime")
            name += "'"
        if name[0] in "fg" and self.now.text == "(" and not self.now.gap:
            self.at += 1
            inner = self.items()
            self.expect(")")
            arguments = inner.args[0] if inner.kind == "list" else (inner,)
            return Node("apply", (name, *(self.scalar(a) for a in arguments)))
        return Node("var", (name,))

    def bracket(self, token: Token) -> Node:
        if token.text in ("(", "["):
            return self.sequence(token.text)
        if token.text == "{":
            self.at -= 1
            return self.group()
        if token.text == r"\{":
            return self.braces()
        if token.text == "|":
            return self.between("|")
        raise Unreadable(f"unexpected {token.text!r}")

    def sequence(self, opening: str) -> Node:
        saved, self.closers = self.closers, []
        inner = self.items()
        self.closers = saved
        closing = self.take().text
        if closing not in (")", "]", "rangle"):
            raise Unreadable(f"{opening!r} is not closed")
        if inner.kind == "list":
            if len(inner.args[0]) != 2 and {opening, closing} not in _PAIRED:
                raise Unreadable("brackets do not match")
            return Node("sequence", (opening, closing, inner.args[0]))
        if (opening, closing) not in (("(", ")"), ("[", "]")):
            raise Unreadable("brackets do not match")
        return inner

    def braces(self) -> Node:
        r"""``\{1, 2\}``, ``\{\}``, and ``\{x : x > 3\}``, which is its condition."""
        if self.accept(r"\}"):
            return Node("set", ())
        bar = next((k for k in (1, 3, 6) if self.peek(k).text in (":", "|", "mid") and self.now.kind == "run"), None)
        if bar == 1 or (bar and self.peek().text == "in"):
            self.at += bar + 1
        inner = self.items()
        self.expect(r"\}")
        if bar:
            return inner
        return Node("set", inner.args[0] if inner.kind == "list" else (inner,))

    def between(self, opening: str) -> Node:
        closing = OPEN_CLOSE[opening]
        self.closers.append(closing)
        inner = self.scalar(self.sum())
        self.closers.pop()
        self.expect(closing)
        kind = {"lfloor": "floor", "lceil": "ceil"}.get(opening)
        return Node("fn", (kind, inner)) if kind else Node("abs", (inner,))

    def matrix(self, token: Token) -> Node:
        name = token.text.partition("{")[2].strip(" }*")
        if not token.text.startswith("\\begin") or name not in MATRICES:
            raise Unreadable(f"the environment {name}")
        if name == "array" and self.now.text == "{":
            while self.now is not END and self.take().text != "}":
                pass
        rows: list[list[Node]] = [[]]
        while self.now.kind != "env":
            rows[-1].append(self.scalar(self.sum()))
            if self.accept("\\\\"):
                rows.append([])
            elif self.now.kind != "env":
                self.expect("&")
        if not self.take().text.startswith("\\end"):
            raise Unreadable("a matrix inside a matrix")
        rows = [row for row in rows if row]
        if not rows or len({len(row) for row in rows}) > 1:
            raise Unreadable("the rows of a matrix differ in length")
        return Node("matrix", (len(rows[0]), tuple(map(tuple, rows))))

    def command(self, name: str) -> Node:
        if name in FRACTIONS:
            return self.fraction()
        if name == "sqrt":
            return self.root()
        if name in ("pi", "infty"):
            return Node("const", ("inf" if name == "infty" else name,))
        if name in FUNCTIONS or name in LOGS:
            return self.function(name)
        if name in GREEK:
            return self.variable(name.removeprefix("var"))
        if name in ("emptyset", "varnothing"):
            return Node("set", ())
        if name in OPEN_CLOSE:
            return self.between(name)
        if name == "langle":
            return self.sequence("<")
        if name in ("binom", "dbinom", "tbinom"):
            return Node("binom", (self.scalar(self.argument()), self.scalar(self.argument())))
        if name in ("imath", "jmath"):
            return Node("const", ("i",)) if name == "imath" else Node("var", ("j",))
        if name in ACCENTS:
            return self.accented(name)
        if name in ("mathbb", "Bbb", "R"):
            if name == "R" or (start := self.argument_text()) == "R":
                return Node("reals", ())
            return Node("var", (f"mathbb {start}",))
        raise Unreadable(f"the command \\{name}")

    def fraction(self) -> Node:
        r"""``\frac{a}{b}``; the units of ``\frac{3 \text{ miles}}{4 \text{ hours}}`` are those of the quotient."""
        parts = [self.scalar(self.argument()), self.scalar(self.argument())]
        plain = [part.args[0] if part.kind == "unit" else part for part in parts]
        units_of = [part.args[1] if part.kind == "unit" else () for part in parts]
        unit = units.product(units_of[0], units.power(units_of[1], -1))
        value = Node("div", tuple(plain))
        return Node("unit", (value, unit)) if unit else value

    def argument_text(self) -> str:
        start = self.at
        self.argument()
        return "".join(t.text for t in self.tokens[start : self.at] if t.text not in "{}")

    def accented(self, name: str) -> Node:
        r"""``\mathbf{v}`` is ``v``, but ``\mathbf{i}`` is a unit vector and not the imaginary unit."""
        start = self.at
        value = self.argument()
        text = "".join(t.text for t in self.tokens[start : self.at] if t.text not in "{}")
        if name in _BOLD and value.kind == "num":
            return value
        if not text.isalpha():
            raise Unreadable("an accent over something that is no name")
        return self.variable(f"accented {text}" if len(text) > 1 or text in "ei" else text)

    def root(self) -> Node:
        index: Node = number(2)
        if self.accept("["):
            index = self.scalar(self.sum())
            self.expect("]")
        return Node("root", (self.scalar(self.argument(whole_numbers=True)), index))

    def function(self, name: str) -> Node:
        r"""A named function: ``\sin^2 x``, ``\log_2 8``, ``\sin 2x``; its argument ends before the next function."""
        power: Node | None = None
        base: Node | None = None
        while self.now.text in ("^", "_") and self.now.kind == "op":
            if self.take().text == "^":
                power = self.argument(whole_numbers=True)
            else:
                base = self.argument(whole_numbers=True)
        if base is not None and name not in LOGS:
            raise Unreadable(f"a subscript on {name}")
        inverse = power is not None and power == Node("neg", (Node("num", (1, "1")),))
        if inverse:
            if name not in INVERSES:
                raise Unreadable(f"an inverse of {name}")
            name, power = INVERSES[name], None
        argument = self.function_argument()
        if name in LOGS:
            node = Node("log", (number(10) if name == "lg" else base, argument))
        else:
            node = Node("fn", (FUNCTIONS[name], argument))
        return node if power is None else Node("pow", (node, power))

    def function_argument(self) -> Node:
        if self.now.text in ("(", "[", "{") and self.now.kind == "op":
            return self.scalar(self.power() if self.now.text != "{" else self.group())
        negative = self.accept("-")
        node = self.power()
        while self.starts_factor() and not self.opens_function() and self.now.text not in ("(", "["):
            node = self.juxtapose(node)
        if self.now.text == "/" and self.peek().kind == "num":  # \sin \pi/3
            self.at += 1
            node = Node("div", (self.scalar(node), self.power()))
        return Node("neg", (self.scalar(node),)) if negative else self.scalar(node)

    def opens_function(self) -> bool:
        return self.now.text in FUNCTIONS or self.now.text in LOGS
