"""The vocabulary of the grammar, and a cursor over tokens."""

from __future__ import annotations

from composekit.compose.verifiers.exactmath.lexer import MAX_NESTING, MAX_TOKENS, OverLimit, Token, Unreadable
from composekit.compose.verifiers.exactmath.tree import Node
from composekit.compose.verifiers.exactmath.vocabulary import names

END = Token("end", "", False)
GREEK = names(
    """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega
    Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega varepsilon vartheta varphi varrho varsigma ell hbar
    """
)
FUNCTIONS = {
    name: name
    for name in names("sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh ln exp")
} | {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "cosec": "csc"}
INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"}
LOGS = frozenset({"log", "lg"})
RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "approx": "~", "simeq": "~",
    "in": "in",
}  # fmt: skip
JOINS = {"and": "and", "or": "or", "land": "and", "lor": "or", "vee": "or"}
SET_OPERATIONS = {"cup": "cup", "cap": "cap", "setminus": "minus", "backslash": "minus"}
TIMES = frozenset({"*", "cdot", "times", "ast"})
ACCENTS = names("mathbf boldsymbol bm vec hat bar tilde mathcal mathfrak mathscr mathit overline overrightarrow")
FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"})
CURRENCIES = frozenset({"$", r"\$", r"\€", r"\£", r"\¥", r"\₹", r"\¢"})
MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})
OPEN_CLOSE = {"|": "|", "lvert": "rvert", "vert": "vert", "lfloor": "rfloor", "lceil": "rceil"}
BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
NAMED_RUNS = frozenset({"pi", "sqrt", "infinity", "or", "and", *FUNCTIONS, *LOGS}) | {g for g in GREEK if len(g) > 3}

FACTOR_COMMANDS = (
    frozenset(
        {"sqrt", "pi", "infty", "emptyset", "varnothing", "langle", "binom", "dbinom", "tbinom", "imath", "jmath"}
    )
    | frozenset({"mathbb", "Bbb", "R", "lvert", "vert", "lfloor", "lceil", *FUNCTIONS, *LOGS})
    | FRACTIONS
    | ACCENTS
    | GREEK
)
IN_LABEL = (
    frozenset(FUNCTIONS) | LOGS | FRACTIONS | ACCENTS | GREEK | frozenset(OPEN_CLOSE) | frozenset(OPEN_CLOSE.values())
) | names(
    """
    angle measuredangle triangle overarc wideparen widehat det dim deg gcd lcm max min sup inf lim to rightarrow mapsto cdot
    times circ prime sum prod int mathbb Bbb binom dbinom tbinom langle rangle mid perp parallel dots ldots cdots arg Re Im
    Pr square star ast dagger ell
    """
)
EVALUATED = names("int iint iiint oint sum prod lim")
CALLED = names("gcd lcm max min sup inf det deg dim arg Pr")  # of numbers; the grammar has them in names alone


def split_letters(tokens: list[Token]) -> list[Token]:
    """Runs of letters that are no known name become single variables, unless they can only be a word."""
    out: list[Token] = []
    for token in tokens:
        if token.kind == "run" and len(token.text) > 1 and token.text not in NAMED_RUNS:
            if (
                len(token.text) > 3
                and set("aeiou") & set(token.text.lower())
                and list(token.text) != sorted(token.text)
            ):
                raise Unreadable(f"the word {token.text!r}")
            if len(out) + len(token.text) > MAX_TOKENS:
                raise OverLimit(f"more than {MAX_TOKENS} symbols")
            out.extend(Token("run", c, token.gap and k == 0) for k, c in enumerate(token.text))
        else:
            out.append(token)
    return out


class Cursor:
    """A place in a list of tokens; each layer of the parser adds the rules of one level of precedence."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.closers: list[str] = []  # bars that are open, which a bar closes

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

    def scalar(self, node: Node) -> Node:
        """The node, if it is an expression."""
        if not node.is_scalar:
            raise Unreadable(f"arithmetic with a {node.kind}")
        return node

    # The rules that lower levels need of higher ones.

    def items(self) -> Node:
        """A list of items, the loosest rule."""
        raise NotImplementedError

    def sum(self) -> Node:
        """An expression."""
        raise NotImplementedError

    def power(self) -> Node:
        """A primary with its exponents."""
        raise NotImplementedError

    def juxtapose(self, left: Node) -> Node:
        """An implied product."""
        raise NotImplementedError

    def starts_factor(self) -> bool:
        """Whether another factor follows without a sign."""
        raise NotImplementedError
