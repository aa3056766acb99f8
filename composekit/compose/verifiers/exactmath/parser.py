r"""A recursive-descent parser for answers in LaTeX or plain text.

Precedence, loosest first: list (``,`` ``;`` ``or`` ``and``), relation, set operation, ratio, sum, product (written or
implied), sign, power and postfix. A number next to a proper fraction is a mixed number: :math:`3\frac12 = \frac72`.
Two numbers side by side, prose, and every construction that is not known here are :class:`~.lexer.Unreadable`; nothing
is skipped.
"""

from __future__ import annotations

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.arithmetic import Arithmetic
from composekit.compose.verifiers.exactmath.grammar import (
    CALLED,
    CURRENCIES,
    END,
    EVALUATED,
    GREEK,
    IN_LABEL,
    JOINS,
    RELATIONS,
    SET_OPERATIONS,
    split_letters,
)
from composekit.compose.verifiers.exactmath.lexer import OverLimit, Token, Unreadable
from composekit.compose.verifiers.exactmath.tree import Node, depth_exceeds, number
from composekit.compose.verifiers.exactmath.vocabulary import names

MAX_DEPTH = 120
_NO_LABEL_WORDS = names(
    """
    not no never nor neither either or if unless wrong maybe perhaps than except but false incorrect isn aren wasn doesn
    fake half twice double triple opposite negative reciprocal bound least most less more possible
    """
)


class Parser(Arithmetic):
    """The rules for whole answers: lists, relations, quantities, sets; see :func:`parse`."""

    def answer(self) -> Node:
        node = self.items()
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
        if token.text in JOINS and token.kind != "op":
            self.at += 1
            return JOINS[token.text]
        return None

    def items(self) -> Node:
        """One item, or several as ``list(items, join)``; ``join`` is ``or`` if that word occurs."""
        items, joins = [self.item()], set()
        while (join := self.separator()) is not None:
            joins.add(join)
            items.append(self.item())
        if not joins:
            return items[0]
        return Node("list", (tuple(items), "or" if "or" in joins else ","))

    def item(self) -> Node:
        """A relation, an assignment ``assign(label, left or None, value)``, or a quantity with its unit."""
        if self.accept("=", "approx"):  # "= 7" or "\\approx 7": what is left of it is plain
            return self.quantity()
        label_end = self.label_end()
        if label_end is not None:
            label = "".join(t.text for t in self.tokens[self.at : label_end])
            left = self.left_side(self.tokens[self.at : label_end])
            self.at = label_end
            relation = RELATIONS[self.take().text]
            return Node("assign", (label, left, relation, self.item()))
        operands, relations = [self.quantity()], []
        while self.now.kind in ("op", "cmd") and self.now.text in RELATIONS:
            relations.append(RELATIONS[self.take().text])
            operands.append(self.quantity())
        if not relations:
            return operands[0]
        return Node("relation", (tuple(relations), tuple(operands)))

    def left_side(self, tokens: list[Token]) -> Node | None:
        """What is named, as a tree: ``P(x)`` is a function here, elsewhere it is a product."""
        try:
            left = Parser(tokens).answer()
        except Unreadable:
            return None
        name = tokens[0].kind == "run" or tokens[0].text in GREEK
        called = len(tokens) > 3 and name and tokens[1].text == "(" and tokens[-1].text == ")"
        return Node("apply", (tokens[0].text, left)) if called and left.is_scalar and left.kind != "apply" else left

    def label_end(self) -> int | None:
        """Where a name such as ``x``, ``f(2)``, ``AB`` or ``Area`` ends that ``=`` or ``in`` follows."""
        evaluated = self.now.kind == "cmd" and self.now.text in EVALUATED
        opened: list[bool] = []  # of each open bracket, whether numbers may stand in it: arguments and subscripts
        before = END
        for k in range(self.at, len(self.tokens)):
            token = self.tokens[k]
            if token.kind == "op" and token.text in "([{":
                opened.append(
                    before.text == "_"
                    or (token.text == "(" and (before.kind in ("run", "word") or before.text in CALLED | GREEK))
                )
            elif token.kind == "op" and token.text in ")]}":
                if not opened:
                    return None
                opened.pop()
            elif not opened and token.text in ("=", "==", "approx", "in") and token.kind in ("op", "cmd"):
                first = self.tokens[self.at]
                return k if k > self.at and (first.kind in ("run", "word", "cmd") or first.text == "(") else None
            elif (
                evaluated
                and token.kind in ("num", "run", "cmd", "op")
                and token.text not in (",", ";", "<", ">", *JOINS)
            ):
                pass  # an integral, a sum, ... that equals something
            elif not self.fits_label(token, before, opened):
                return None
            before = token
        return None

    def fits_label(self, token: Token, before: Token, opened: list[bool]) -> bool:
        """Whether a token may stand in a name, in the brackets that are open."""
        if token.kind in ("num", "based", "env"):
            return token.kind == "num" and (before.text == "_" or any(opened))
        if token.kind == "op":
            if token.text in ("+", "-") and (before is END or before.text in "([{") and not any(opened):
                return False  # (-x) = 7 says that x is -7
            return token.text in ("_", "'", "+", "-", "*", "/") or (token.text == "," and bool(opened)) or any(opened)
        if token.kind == "word" and token.text.lower() in _NO_LABEL_WORDS:
            return False
        return token.kind != "cmd" or token.text in IN_LABEL

    # --- quantities

    def quantity(self) -> Node:
        """A value with what may stand before and after it: a currency sign, a scale word, a unit."""
        start = self.at
        negative = self.accept("-")
        currency = self.tokens[self.at - 1].text if self.accept(*CURRENCIES) else None
        if currency is None:
            self.at = start
            value = self.set_expression()
        else:
            value = self.set_expression()
            value = Node("neg", (value,)) if negative else value
        while self.now.kind == "word" and self.now.text.lower() in units.SCALES and value.is_scalar:
            value = Node("mul", (value, number(units.SCALES[self.take().text.lower()])))
        unit = units.fold(currency[-1]) if currency else ()
        if self.accept(*CURRENCIES):
            unit = units.product(unit, units.fold(self.tokens[self.at - 1].text[-1]))
        if self.now.kind == "word" and self.now.text.lower() in units.PERCENT:
            self.at += 1
            value = Node("percent", (value,))
        joined = self.now.text in JOINS
        per = self.now.text == "/" and (currency or self.peek().kind == "word")
        if (self.now.kind == "word" and not joined) or per:
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
            token, named = self.unit_word(sign)
            words += 1
            if token.kind != "word" or not named or words > units.MAX_WORDS:
                raise Unreadable(f"{token.text!r} is no unit")
            exponent *= self.unit_exponent()
            found.append(units.power(units.fold(token.text), sign * exponent))
            sign = 1
        return units.product(*found)

    def unit_word(self, sign: int) -> tuple[Token, bool]:
        """One word, or several with hyphens (``man-hours``), and whether all of it can be a unit."""
        token = self.take()
        named = units.is_unit_word(token.text) or (sign < 0 and token.text.lower() in units.SCALES)  # per dozen
        while self.now.text == "-" and not self.now.gap and self.peek().kind == "word" and not self.peek().gap:
            self.at += 1
            part = self.take()
            named = named and units.is_unit_word(part.text)
            token = Token("word", token.text + part.text, token.gap)
        return token, named

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
            if self.now.kind == "cmd" and self.now.text in SET_OPERATIONS:
                operation = SET_OPERATIONS[self.take().text]
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


def parse(tokens: list[Token]) -> Node:
    """The tree of an answer; raises :class:`~.lexer.Unreadable`."""
    if not tokens:
        raise Unreadable("nothing there")
    tree = Parser(split_letters(tokens)).answer()
    if depth_exceeds(tree, MAX_DEPTH):
        raise OverLimit(f"operations nested deeper than {MAX_DEPTH}")
    return tree
