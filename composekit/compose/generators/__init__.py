"""Procedural problems with exact solvers: unlimited, seeded, and re-parameterisable.

Each generator mixes several families of problems. Call it for a list, take its :meth:`~Generator.stream` for an endless
supply, or :meth:`~Generator.sample` problem ``i`` of a seed on its own:

* :data:`arithmetic`: word problems of a few exact steps;
* :data:`algebra`: equations, systems, polynomials, sequences;
* :data:`discrete`: number theory, counting, graphs;
* :data:`physics`: motion, energy, circuits, heat, gases, with units;
* :data:`logic`: knights and knaves, culprits, races, truth tables;
* :data:`choice`: questions with a printed table of options;
* :data:`code`: predict what a program returns, write a function, repair a bug.

Example:
    >>> from composekit.compose import generators
    >>> [p.domain for p in generators.physics(2, seed=1)]
    ['physics', 'physics']
    >>> next(generators.logic.stream(seed=5, family="culprit")).metadata["topic"]
    'culprit'
"""

from collections.abc import Mapping
from types import MappingProxyType

from composekit.compose.generators.algebra import algebra
from composekit.compose.generators.arithmetic import arithmetic
from composekit.compose.generators.base import Family, Generator, Slot
from composekit.compose.generators.choice import choice
from composekit.compose.generators.code import code
from composekit.compose.generators.discrete import discrete
from composekit.compose.generators.logic import logic
from composekit.compose.generators.physics import physics
from composekit.compose.generators.stream import Stream

GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {g.name: g for g in (arithmetic, algebra, discrete, physics, logic, choice, code)}
)
"""Every generator by the name that ``Problem.template`` holds."""

__all__ = [
    "GENERATORS",
    "Family",
    "Generator",
    "Slot",
    "Stream",
    "algebra",
    "arithmetic",
    "choice",
    "code",
    "discrete",
    "logic",
    "physics",
]
