"""Independent problems in one prompt, each answered and judged on its own."""

from __future__ import annotations

from composekit._errors import bad_type, bad_value
from composekit.compose.problem import Composite, Problem

_INSTRUCTION = (
    "Solve each of the {count} parts below. Answer them in order, each under its own heading: {headings}. "
    "Put the final answer of each part in \\boxed{{}}{code}."
)
_CODE = ", or, where a program is asked for, in a code block"


def bundle(*problems: Problem) -> Composite:
    r"""Put independent problems into one prompt: a proof, a bug and a riddle at once.

    The parts stand word for word under the headings ``Part 1:``, ``Part 2:``, ...; the prompt asks for each answer under the
    same heading, in ``\boxed{}`` or in a code block. The ``CompositeVerifier`` cuts a response at these headings and lets
    every part's own verifier judge its piece.

    Args:
        problems: The parts. A bundle among them is taken apart; a chain stays one part.

    Returns:
        A :class:`Composite` with ``topology="bundle"``, no links, and ``answer`` with one line a part.

    Raises:
        ArgumentError: there is no problem.
        ArgumentTypeError: an argument is no :class:`Problem`.

    Example:
        >>> both = bundle(Problem("What is 6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"))
        >>> print(both.prompt)
        Solve each of the 2 parts below. Answer them in order, each under its own heading: "Part 1:", "Part 2:". Put the final answer of each part in \boxed{}.
        <BLANKLINE>
        Part 1:
        What is 6 times 7?
        <BLANKLINE>
        Part 2:
        Is 91 prime?
        >>> both.answer.splitlines(), both.depth
        (['42', 'no'], 1)
    """  # noqa: E501  (the printed prompt is one long line)
    parts: list[Problem] = []
    for index, problem in enumerate(problems):
        if not isinstance(problem, Problem):
            got = type(problem).__name__
            raise bad_type(
                "bundle", f"problems[{index}]", "be a Problem", got, "Build one with Problem(prompt, answer)"
            )
        nested = isinstance(problem, Composite) and problem.topology == "bundle"
        parts += problem.parts if isinstance(problem, Composite) and nested else (problem,)
    if not parts:
        raise bad_value("bundle", "problems", "hold at least one problem", "none", "Pass the parts one by one")
    domains = {part.domain for part in parts}
    return Composite(
        _prompt(parts),
        "\n".join(_line(part) for part in parts),
        domain=domains.pop() if len(domains) == 1 else "mixed",
        verifier="composite",
        parts=tuple(parts),
        topology="bundle",
    )


def _prompt(parts: list[Problem]) -> str:
    headings = [f"Part {number}:" for number in range(1, len(parts) + 1)]
    programs = any(part.tests for part in parts)
    named = (
        ", ".join(f'"{heading}"' for heading in headings)
        if len(parts) <= 6
        else f'"{headings[0]}", "{headings[1]}", ...'
    )
    instruction = _INSTRUCTION.format(count=len(parts), headings=named, code=_CODE if programs else "")
    blocks = [f"{heading}\n{part.prompt}" for heading, part in zip(headings, parts, strict=True)]
    return "\n\n".join([instruction, *blocks])


def _line(part: Problem) -> str:
    """The answer of a part on one line; a program is known by its tests."""
    return " ".join(part.answer.split()) or "(a program)"
