"""Numbers that follow from the rest of a text: put a symbol in their place, and a reader has them all the same.

*8 math, 10 science and 6 history books, 24 in all*: whoever reads this with Y for 24 has Y = 8 + 10 + 6, and does not need
the sentence that joins Y to an earlier answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from composekit.compose.needless import (
    counting,
    derivations,
    guesses,
    identities,
    neighbours,
    parting,
    patterns,
    remaining,
    restated,
    vectors,
    wholes,
)
from composekit.compose.needless.derivations import Span
from composekit.compose.needless.giveaways import SHOWN
from composekit.compose.places import BASE_OF_POWER
from composekit.compose.tokens import Constant

MAX_TEXT = 20_000  # in longer texts nobody looks for what follows from what
# Where a number is a value that a reader may calculate with.
_VALUES = frozenset(("", "said already", "one", "the whole", "common knowledge"))
_IN_FORMULAS = _VALUES | {BASE_OF_POWER, SHOWN, "zero"}
_KINDS = (guesses, derivations, parting, counting, remaining, restated, patterns, identities, vectors, wholes)
_RULES = tuple(rule for kind in _KINDS for rule in kind.RULES)


def derivable(text: str, numerals: Sequence[Constant]) -> dict[Span, str]:
    """The numerals of a text that follow from the rest of it, and how.

    Args:
        text: The text of a problem.
        numerals: All its numerals, in order, as :func:`~composekit.compose.tokens.numerals` finds them.

    Returns:
        The spans and the reasons, in the order of the text; nothing for a text of more than 20,000 characters.

    Example:
        >>> from composekit.compose.tokens import numerals
        >>> text = "He has 8 math, 10 science and 6 history books, 24 in all, on 3 shelves."
        >>> found = derivable(text, numerals(text))
        >>> [text[slice(*span)] for span in found], set(found.values())
        (['8', '10', '6', '24'], {'24 = 8 + 10 + 6'})
    """
    if len(text) > MAX_TEXT:
        return {}
    everywhere = [n for n in numerals if n.place in _IN_FORMULAS and n.kind in ("digits", "word", "fraction")]
    values = [n for n in everywhere if n.place in _VALUES]
    found: dict[Span, str] = {}
    ties = [tie for rule in _RULES for tie in rule(text, values)]
    ties += [tie for rule in (*patterns.FORMULA_RULES, *guesses.FORMULA_RULES) for tie in rule(text, everywhere)]
    ties += [tie for rule in neighbours.RULES for tie in rule(text, numerals)]
    for spans, why in ties:
        found |= dict.fromkeys(spans, why)
    return dict(sorted(found.items()))
