r"""A recursive-descent parser for answers in LaTeX or plain text.

Precedence, loosest first: list (``,`` ``;`` ``or`` ``and``), relation, set operation, ratio, sum, product (written or implied),
sign, power and postfix. A number next to a proper fraction is a mixed number: :math:`3\frac12 = \frac72`. Two numbers side by
side, prose, and every construction that is not known here are :class:`~.lexer.Unreadable`; nothing is skipped.
"""

from __future__ import annotations

from fractions import Fraction

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.lexer import MAX_DIGITS, MAX_NESTING, OverLimit, Token, Unreadable
from composekit.compose.verifiers.exactmath.tree import Node, number

END = Token("end", "", False)
GREEK = frozenset(
    """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega Gamma Delta
    Theta Lambda Xi Pi Sigma Phi Psi Omega varepsilon vartheta varphi varrho varsigma ell hbar""".split()
)
_FUNCTIONS = {
    name: name for name in "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh ln exp".split()
} | {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "cosec": "csc"}
_INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"}
_LOGS = frozenset({"log", "lg"})
_RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "approx": "~", "simeq": "~",
    "in": "in",
}  # fmt: skip
_SET_OPERATIONS = {"cup": "cup", "cap": "cap", "setminus": "minus", "backslash": "minus"}
_TIMES = frozenset({"*", "cdot", "times", "ast"})
_ACCENTS = frozenset("mathbf boldsymbol bm vec hat bar tilde mathcal mathfrak mathscr mathit overline overrightarrow".split())
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_CURRENCIES = frozenset({"$", r"\$", r"\€", r"\£", r"\¥", r"\₹", r"\¢"})
_MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})
_OPEN_CLOSE = {"|": "|", "lvert": "rvert", "vert": "vert", "lfloor": "rfloor", "lceil": "rceil"}
_BASES = {w: k for k, w in enumerate("two three four five six seven eight nine ten".split(), start=2)}
NAMED_RUNS = frozenset({"pi", "sqrt", "infinity", "or", "and", *_FUNCTIONS, *_LOGS}) | {g for g in GREEK if len(g) > 3}


def split_letters(tokens: list[Token]) -> list[Token]:
    """Runs of letters that are no known name become single variables."""
    out = []
    for token in tokens:
        if token.kind == "run" and len(token.text) > 1 and token.text not in NAMED_RUNS:
            out.extend(Token("run", c, token.gap and k == 0) for k, c in enumerate(token.text))
        else:
            out.append(token)
    return out


class Parser:
    """Parses one list of tokens; see :func:`parse`."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.closers: list[str] = []  # bars that are open, which a bar closes

    # --- tokens

    @property
    def now(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else END

    def take(self) -> Token:
        token = self.now
        self.at += 1
        return token

    def accept(self, *texts: str) -> bool:
        if self.now.kind in ("op", "cmd") and self.now.text in texts:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise Unreadable(f"expected {text!r} before {self.now.text!r}")

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise OverLimit(f"nested deeper than {MAX_NESTING}")

    def leave(self) -> None:
        self.depth -= 1

    # --- lists and relations

    def answer(self) -> Node:
        node = self.list()
        if self.now is not END:
            raise Unreadable(f"unexpected {self.now.text!r}")
        return node

    def separator(self) -> str | None:
        token = self.now
        if token.kind == "op" and token.text in (",", ";"):
            self.at += 1
            follow = self.now
            if follow.kind in ("run", "word") and follow.text in ("and", "or"):
                self.at += 1
                return follow.text
            return ","
        joins = {"and": "and", "or": "or", "land": "and", "lor": "or"}
        if token.text in joins and token.kind != "op":
            self.at += 1
            return joins[token.text]
        return None

    def list(self) -> Node:
        """One item, or several as ``list(items, join)``; ``join`` is ``or`` if that word occurs."""
        self.enter()
        items, joins = [self.item()], set()
        while (join := self.separator()) is not None:
            joins.add(join)
            items.append(self.item())
        self.leave()
        if not joins:
            return items[0]
        return Node("list", (tuple(items), "or" if "or" in joins else ","))

    def item(self) -> Node:
        """A relation, an assignment ``assign(label, left or None, value)``, or a quantity with its unit."""
        label_end = self.label_end()
        if label_end is not None:
            label = "".join(t.text for t in self.tokens[self.at : label_end])
            try:
                left: Node | None = Parser(self.tokens[self.at : label_end]).answer()
            except Unreadable:
                left = None
            self.at = label_end
            relation = _RELATIONS[self.take().text]
            return Node("assign", (label, left, relation, self.item()))
        operands, relations = [self.quantity()], []
        while self.now.kind in ("op", "cmd") and self.now.text in _RELATIONS:
            relations.append(_RELATIONS[self.take().text])
            operands.append(self.quantity())
        if not relations:
            return operands[0]
        return Node("relation", (tuple(relations), tuple(operands)))

    def label_end(self) -> int | None:
        """Where a name such as ``x``, ``f(2)``, ``AB`` or ``Area`` ends that ``=`` (or ``in``) follows; None if there is none."""
        depth, k = 0, self.at
        while k < len(self.tokens):
            token = self.tokens[k]
            if token.kind == "op" and token.text in "([{":
                depth += 1
            elif token.kind == "op" and token.text in ")]}":
                depth -= 1
                if depth < 0:
                    return None
            elif depth == 0:
                if token.text in ("=", "==", "approx", "in") and token.kind in ("op", "cmd"):
                    return k if k > self.at and self.tokens[self.at].kind in ("run", "word", "cmd") else None
                subscript = k > self.at and self.tokens[k - 1].text == "_"
                if token.kind in ("num", "based", "env") and not subscript:
                    return None
                if token.kind == "op" and token.text not in ("_", "'", "+", "-", "*", "/"):
                    return None
                if token.kind == "cmd" and token.text in _NOT_IN_LABEL:
                    return None
            k += 1
        return None

    # --- quantities

    def quantity(self) -> Node:
        """A value with what may stand before and after it: a currency sign, a scale word, a unit."""
        start = self.at
        negative = self.accept("-")
        currency = self.tokens[self.at - 1].text if self.accept(*_CURRENCIES) else None
        if currency is None:
            self.at = start
            value = self.set_expression()
        else:
            value = self.set_expression()
            value = Node("neg", (value,)) if negative else value
        while self.now.kind == "word" and self.now.text.lower() in units.SCALES and value.is_scalar:
            value = Node("mul", (value, number(units.SCALES[self.take().text.lower()])))
        unit = units.fold(currency[-1]) if currency else ()
        if self.accept(*_CURRENCIES):
            unit = units.product(unit, units.fold(self.tokens[self.at - 1].text[-1]))
        if self.now.kind == "word" and self.now.text.lower() in units.PERCENT:
            self.at += 1
            value = Node("percent", (value,))
        if self.now.kind == "word" or (currency and self.now.text == "/" and self.now.kind == "op"):
            unit = units.product(unit, self.unit())
        if unit and not value.is_scalar:
            raise Unreadable("a unit after something that is no number")
        return Node("unit", (value, unit)) if unit else value

    def unit(self) -> units.Unit:
        """``square inches``, ``m/s^2``, ``dollars per hour``, ``blue marbles``."""
        found: list[units.Unit] = []
        sign, words = 1, 0
        while True:
            if self.accept("/") or (self.now.kind == "word" and self.now.text == "per"):
                if self.now.kind == "word" and self.now.text == "per":
                    self.at += 1
                sign = -1
            elif found and self.accept("cdot", "*"):
                pass
            elif self.now.kind != "word":
                break
            exponent = 1
            if self.now.text.lower() in ("square", "sq", "cubic") and self.peek().kind == "word":
                exponent = 3 if self.take().text.lower() == "cubic" else 2
            token = self.take()
            words += 1
            if token.kind != "word" or not units.is_unit_word(token.text) or words > units.MAX_WORDS:
                raise Unreadable(f"{token.text!r} is no unit")
            exponent *= self.unit_exponent()
            found.append(units.power(units.fold(token.text), sign * exponent))
            sign = 1
        return units.product(*found)

    def unit_exponent(self) -> int:
        if self.now.kind == "word" and self.now.text.lower() in ("squared", "cubed"):
            return 3 if self.take().text.lower() == "cubed" else 2
        if not self.accept("^", "**"):
            return 1
        power = self.argument()
        negative = power.kind == "neg"
        core = power.args[0] if negative else power
        if core.kind != "num" or core.args[0] not in (1, 2, 3, 4):
            raise Unreadable("a unit's exponent must be a small whole number")
        return -int(core.args[0]) if negative else int(core.args[0])

    # --- sets, ratios, sums, products

    def set_expression(self) -> Node:
        node = self.ratio()
        while True:
            if self.now.kind == "cmd" and self.now.text in _SET_OPERATIONS:
                operation = _SET_OPERATIONS[self.take().text]
            elif self.now == Token("run", "U", self.now.gap) and node.kind == "sequence":
                self.at += 1
                operation = "cup"
            else:
                return node
            node = Node("set_operation", (operation, node, self.ratio()))

    def ratio(self) -> Node:
        terms = [self.sum()]
        while self.accept(":"):
            terms.append(self.sum())
        return Node("ratio", tuple(terms)) if len(terms) > 1 else terms[0]

    def sum(self) -> Node:
        self.enter()
        terms: list[Node] = []
        if self.accept("pm", "mp"):
            kind = self.tokens[self.at - 1].text
            terms = [Node(kind, (number(0), self.product()))]
        else:
            terms = [self.product()]
        while self.now.kind in ("op", "cmd"):
            if self.accept("+"):
                terms.append(self.scalar(self.product()))
            elif self.accept("-"):
                terms.append(Node("neg", (self.scalar(self.product()),)))
            elif self.accept("pm", "mp"):
                kind = self.tokens[self.at - 1].text
                left = terms[0] if len(terms) == 1 else Node("add", tuple(terms))
                terms = [Node(kind, (self.scalar(left), self.scalar(self.product())))]
            else:
                break
        self.leave()
        if len(terms) == 1:
            return terms[0]
        self.scalar(terms[0])
        return Node("add", tuple(terms))

    def scalar(self, node: Node) -> Node:
        if not node.is_scalar:
            raise Unreadable(f"arithmetic with a {node.kind}")
        return node

    def product(self) -> Node:
        """Factors with or without a sign between them, and what divides them."""
        negative = False
        while self.now.text in ("-", "+") and self.now.kind == "op":
            negative ^= self.take().text == "-"
        node = self.power()
        while True:
            if self.now.kind in ("op", "cmd") and self.now.text in _TIMES:
                self.at += 1
                node = self.multiply(node, self.signed_power())
            elif self.accept("/", "div"):
                node = Node("div", (self.scalar(node), self.scalar(self.signed_power())))
            elif self.starts_factor():
                node = self.juxtapose(node)
            else:
                break
        if not negative:
            return node
        return self.multiply(number(-1), node) if node.kind == "matrix" else Node("neg", (self.scalar(node),))

    def signed_power(self) -> Node:
        negative = False
        while self.now.text in ("-", "+") and self.now.kind == "op":
            negative ^= self.take().text == "-"
        node = self.power()
        return Node("neg", (self.scalar(node),)) if negative else node

    def multiply(self, left: Node, right: Node) -> Node:
        if right.kind == "matrix" and left.is_scalar:
            rows = tuple(tuple(Node("mul", (left, cell)) for cell in row) for row in right.args[1])
            return Node("matrix", (right.args[0], rows))
        factors = left.args if left.kind == "mul" else (self.scalar(left),)
        return Node("mul", (*factors, self.scalar(right)))

    def starts_factor(self) -> bool:
        token = self.now
        if token.kind == "num":
            return True  # juxtapose() knows the few places where this is allowed
        if token.kind == "run":
            return token.text not in ("or", "and") and not (token.text == "U" and self.tokens[self.at - 1].text in ")]")
        if token.kind == "op":
            return token.text in ("(", "[", "{") or (token.text == "|" and not self.closers)
        if token.kind == "env":
            return token.text.startswith("\\begin")
        if token.kind != "cmd" or (self.closers and token.text == self.closers[-1]):
            return False
        return token.text in _FACTOR_COMMANDS

    def juxtapose(self, left: Node) -> Node:
        """Implied multiplication, and mixed numbers."""
        whole = left.kind == "num" and isinstance(left.args[0], int)
        if self.now.kind == "num":
            if whole and self.peek().text == "/" and self.peek(2).kind == "num" and self.now.gap:
                top, bottom = self.power(), (self.take(), self.power())[1]
                return self.mixed(left, Node("div", (top, bottom)))
            if self.tokens[self.at - 1].text != ")":
                raise Unreadable("two numbers side by side")
        fraction = self.now.kind == "cmd" and self.now.text in _FRACTIONS
        right = self.power()
        if whole and fraction and right.kind == "div" and all(x.kind == "num" for x in right.args):
            return self.mixed(left, right)
        return self.multiply(left, right)

    def mixed(self, whole: Node, part: Node) -> Node:
        top, bottom = (x.args[0] for x in part.args)
        if not (isinstance(top, int) and isinstance(bottom, int) and 0 < top < bottom):
            raise Unreadable("a whole number next to a fraction that is not proper")
        return Node("add", (whole, part))

    # --- powers and postfix signs

    def power(self) -> Node:
        self.enter()
        node = self.primary()
        while self.now.kind in ("op", "cmd"):
            if self.now.text in ("^", "**"):
                node = self.exponent(node)
            elif self.now.text == "!" and node.is_scalar:
                self.at += 1
                if self.now.text == "!":
                    raise Unreadable("a double factorial")
                node = Node("fact", (node,))
            elif self.accept("%", r"\%"):
                node = Node("percent", (self.scalar(node),))
            else:
                break
        self.leave()
        return node

    def exponent(self, base: Node) -> Node:
        self.at += 1
        braced = self.now.text == "{" and self.peek(2).text == "}"
        sign = self.peek() if braced else self.now
        if sign.kind == "cmd" and sign.text in ("circ", "degree"):
            self.at += 3 if braced else 1
            scale = self.now
            if scale.text in ("C", "F") and self.peek().kind in ("end", "op"):
                self.at += 1
                return Node("unit", (self.scalar(base), ((f"degree {scale.text.lower()}", 1),)))
            return Node("degree", (self.scalar(base),))
        if self.now.text == "-" and self.peek().kind in ("num", "run"):
            self.at += 1
            return Node("pow", (self.scalar(base), Node("neg", (self.argument(),))))
        return Node("pow", (self.scalar(base), self.scalar(self.argument(whole_numbers=True))))

    def argument(self, *, whole_numbers: bool = False) -> Node:
        r"""What a command takes: a group, or one token. TeX takes one digit of ``\frac12``; powers take the number."""
        token = self.now
        if token.text == "{" and token.kind == "op":
            return self.group()
        if token.kind == "num" and not whole_numbers and len(token.text) > 1 and token.text[0].isdigit():
            self.tokens[self.at] = Token("num", token.text[1:], False)
            return number(int(token.text[0]))
        if token.kind in ("num", "based", "run", "word") or token.text in ("(", "[") or token.text in _FACTOR_COMMANDS:
            return self.primary()
        raise Unreadable(f"a command without its argument before {token.text!r}")

    def group(self) -> Node:
        self.expect("{")
        saved, self.closers = self.closers, []
        node = self.list()
        self.closers = saved
        self.expect("}")
        if node.kind == "list":
            return Node("set", node.args[0])
        return node

    # --- primaries

    def primary(self) -> Node:
        token = self.take()
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
        base = _BASES.get(name) or (int(name) if name.isdigit() else 0)
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
        if name in _FUNCTIONS or name in _LOGS:
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
            inner = self.list()
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
        inner = self.list()
        self.closers = saved
        closing = self.take().text
        if closing not in (")", "]", "rangle"):
            raise Unreadable(f"{opening!r} is not closed")
        if inner.kind == "list":
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
        inner = self.list()
        self.expect(r"\}")
        if bar:
            return inner
        return Node("set", inner.args[0] if inner.kind == "list" else (inner,))

    def between(self, opening: str) -> Node:
        closing = _OPEN_CLOSE[opening]
        self.closers.append(closing)
        inner = self.scalar(self.sum())
        self.closers.pop()
        self.expect(closing)
        kind = {"lfloor": "floor", "lceil": "ceil"}.get(opening)
        return Node("fn", (kind, inner)) if kind else Node("abs", (inner,))

    def matrix(self, token: Token) -> Node:
        name = token.text.partition("{")[2].strip(" }*")
        if not token.text.startswith("\\begin") or name not in _MATRICES:
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
        if name in _FRACTIONS:
            return Node("div", (self.scalar(self.argument()), self.scalar(self.argument())))
        if name == "sqrt":
            return self.root()
        if name in ("pi", "infty"):
            return Node("const", ("inf" if name == "infty" else name,))
        if name in _FUNCTIONS or name in _LOGS:
            return self.function(name)
        if name in GREEK:
            return self.variable(name.removeprefix("var"))
        if name in ("emptyset", "varnothing"):
            return Node("set", ())
        if name in _OPEN_CLOSE:
            return self.between(name)
        if name == "langle":
            return self.sequence("<")
        if name in ("binom", "dbinom", "tbinom"):
            return Node("binom", (self.scalar(self.argument()), self.scalar(self.argument())))
        if name in ("imath", "jmath"):
            return Node("const", ("i",)) if name == "imath" else Node("var", ("j",))
        if name in _ACCENTS:
            return self.accented()
        if name in ("mathbb", "Bbb", "R"):
            if name == "R" or (start := self.argument_text()) == "R":
                return Node("reals", ())
            return Node("var", (f"mathbb {start}",))
        raise Unreadable(f"the command \\{name}")

    def argument_text(self) -> str:
        start = self.at
        self.argument()
        return "".join(t.text for t in self.tokens[start : self.at] if t.text not in "{}")

    def accented(self) -> Node:
        r"""``\mathbf{v}`` is ``v``, but ``\mathbf{i}`` is a unit vector and not the imaginary unit."""
        text = self.argument_text()
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
        r"""A named function: ``\sin^2 x``, ``\log_2 8``, ``\sin 2x``, ``\cos(x)``; its argument ends before the next function."""
        power: Node | None = None
        base: Node | None = None
        while self.now.text in ("^", "_") and self.now.kind == "op":
            if self.take().text == "^":
                power = self.argument(whole_numbers=True)
            else:
                base = self.argument(whole_numbers=True)
        if base is not None and name not in _LOGS:
            raise Unreadable(f"a subscript on {name}")
        inverse = power is not None and power == Node("neg", (Node("num", (1, "1")),))
        if inverse:
            if name not in _INVERSES:
                raise Unreadable(f"an inverse of {name}")
            name, power = _INVERSES[name], None
        argument = self.function_argument()
        if name in _LOGS:
            node = Node("log", (number(10) if name == "lg" else base, argument))
        else:
            node = Node("fn", (_FUNCTIONS[name], argument))
        return node if power is None else Node("pow", (node, power))

    def function_argument(self) -> Node:
        if self.now.text in ("(", "[", "{") and self.now.kind == "op":
            return self.scalar(self.power() if self.now.text != "{" else self.group())
        self.enter()
        negative = self.accept("-")
        node = self.power()
        while self.starts_factor() and not self.opens_function() and self.now.text not in ("(", "["):
            node = self.juxtapose(node)
        if self.now.text == "/" and self.peek().kind == "num":  # \sin \pi/3
            self.at += 1
            node = Node("div", (self.scalar(node), self.power()))
        self.leave()
        return Node("neg", (self.scalar(node),)) if negative else self.scalar(node)

    def opens_function(self) -> bool:
        return self.now.text in _FUNCTIONS or self.now.text in _LOGS


_FACTOR_COMMANDS = (
    frozenset({"sqrt", "pi", "infty", "emptyset", "varnothing", "langle", "binom", "dbinom", "tbinom", "imath", "jmath"})
    | frozenset({"mathbb", "Bbb", "R", "lvert", "vert", "lfloor", "lceil", *_FUNCTIONS, *_LOGS})
    | _FRACTIONS
    | _ACCENTS
    | GREEK
)
_NOT_IN_LABEL = frozenset(_RELATIONS) | frozenset(_SET_OPERATIONS) | {"sqrt", "pm", "mp", "pi", "infty", "\\\\"}


def parse(tokens: list[Token]) -> Node:
    """The tree of an answer; raises :class:`~.lexer.Unreadable`."""
    if not tokens:
        raise Unreadable("nothing there")
    return Parser(split_letters(tokens)).answer()


