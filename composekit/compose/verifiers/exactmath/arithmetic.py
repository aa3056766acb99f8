"""Sums, products (written or implied), powers and postfix signs."""

from __future__ import annotations

from composekit.compose.verifiers.exactmath.grammar import FACTOR_COMMANDS, FRACTIONS, TIMES
from composekit.compose.verifiers.exactmath.lexer import Unreadable
from composekit.compose.verifiers.exactmath.primaries import Primaries
from composekit.compose.verifiers.exactmath.tree import Node, number


class Arithmetic(Primaries):
    """The rules of arithmetic, from the sum down to the power."""

    def sum(self) -> Node:
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
        if len(terms) == 1:
            return terms[0]
        self.scalar(terms[0])
        return Node("add", tuple(terms))

    def product(self) -> Node:
        """Factors with or without a sign between them, and what divides them."""
        negative = False
        while self.now.text in ("-", "+") and self.now.kind == "op":
            negative ^= self.take().text == "-"
        node = self.power()
        while True:
            if self.now.kind in ("op", "cmd") and self.now.text in TIMES:
                self.at += 1
                node = self.multiply(node, self.signed_power())
            elif self.now.text == "/" and self.peek().kind == "word":
                break  # $650/day
            elif self.accept("/", "div"):
                node = self.divide(node, self.scalar(self.signed_power()))
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

    def divide(self, left: Node, right: Node) -> Node:
        """A quotient; the percent or degree sign of ``1/2%`` is that of the whole fraction."""
        if right.kind in ("percent", "degree") and left.kind == right.args[0].kind == "num":
            return Node(right.kind, (Node("div", (left, right.args[0])),))
        return Node("div", (self.scalar(left), right))

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
        return token.text in FACTOR_COMMANDS

    def juxtapose(self, left: Node) -> Node:
        """Implied multiplication, and mixed numbers."""
        last = left.args[-1] if left.kind == "mul" and self.tokens[self.at - 1].kind == "num" else left
        whole = last.kind == "num" and isinstance(last.args[0], int)
        if self.now.kind == "num":
            if whole and self.peek().text == "/" and self.peek(2).kind == "num" and self.now.gap:
                top, bottom = self.primary(), (self.take(), self.primary())[1]
                return self.mixed(left, last, Node("div", (top, bottom)))
            if self.tokens[self.at - 1].text not in (")", "!"):
                raise Unreadable("two numbers side by side")
        grouped = self.now.text == "{" and self.now.kind == "op"
        fraction = self.now.kind == "cmd" and self.now.text in FRACTIONS
        right = self.primary()
        if whole and fraction and right.kind == "div" and all(x.kind == "num" for x in right.args):
            return self.mixed(left, last, right)
        right = self.postfix(right)
        if grouped and right.kind in ("num", "based"):  # 1{2} prints as 12
            raise Unreadable("two numbers side by side")
        return self.multiply(left, right)

    def mixed(self, left: Node, whole: Node, part: Node) -> Node:
        r"""A mixed number with the signs behind it and the factors before it: ``2 \cdot 3\frac12``."""
        top, bottom = (x.args[0] for x in part.args)
        if not (isinstance(top, int) and isinstance(bottom, int) and 0 < top < bottom):
            raise Unreadable("a whole number next to a fraction that is not proper")
        raised = (
            self.now.text in ("^", "**") and self.peek().text not in ("circ", "degree") and self.peek(2).text != "circ"
        )
        if raised or self.now.text == "!":
            raise Unreadable("a power of a mixed number without brackets")
        node = self.postfix(Node("mixed", (whole, part)))
        return node if left is whole else Node("mul", (*left.args[:-1], node))

    # --- powers and postfix signs

    def power(self) -> Node:
        return self.postfix(self.primary())

    def postfix(self, node: Node) -> Node:
        """A primary with the exponents and signs behind it."""
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
            elif self.accept("degree"):
                node = Node("degree", (self.scalar(node),))
            else:
                break
        return node

    def exponent(self, base: Node) -> Node:
        """What stands after ``^``; a tower is read from the top: ``2^3^2`` is 512."""
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
        negative = self.accept("-")
        power = self.scalar(self.argument(whole_numbers=True))
        if self.now.text in ("^", "**") and self.peek().text not in ("circ", "degree", "prime"):
            self.enter()
            power = self.exponent(power)
            self.leave()
        return Node("pow", (self.scalar(base), Node("neg", (power,)) if negative else power))
