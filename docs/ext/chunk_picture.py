"""The directive ``chunk-picture``: how linear attention is cut into chunks, drawn from the decays themselves.

.. code-block:: rst

    .. chunk-picture::
       :slope: 0.15
       :chunk: 4
       :chunks: 4
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

CELL, LEFT, TOP = 22, 60, 46
INSIDE, ACROSS, STATE = "#1b7f79", "#d1762b", "#d1762b"


def rectangle(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" {style}/>'


def text(x: float, y: float, content: str, *, anchor: str = "middle", colour: str = "currentColor") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="13" fill="{colour}">{content}</text>'


def matrix(slope: float, chunk: int, total: int) -> Iterator[str]:
    """The weights e^(-s (i - j)): green inside a chunk, orange where the state carries them."""
    for i in range(total):
        for j in range(i + 1):
            colour = INSIDE if i // chunk == j // chunk else ACROSS
            shade = math.exp(-slope * (i - j))
            x, y = LEFT + j * CELL, TOP + i * CELL
            yield rectangle(x + 1, y + 1, CELL - 2, CELL - 2, f'fill="{colour}" fill-opacity="{shade:.3f}"')


def states(chunk: int, count: int) -> Iterator[str]:
    """The chain of states on the right: one box between two chunks."""
    x = LEFT + count * chunk * CELL + 70
    for n in range(count):
        middle = TOP + (n + 0.5) * chunk * CELL
        yield rectangle(x, middle - 16, 96, 32, f'rx="5" fill="none" stroke="{INSIDE}" stroke-width="1.5"')
        yield text(x + 48, middle + 4, f"chunk {n}")
        if n + 1 < count:
            low, high = middle + 16, middle + chunk * CELL - 16
            yield f'<line x1="{x + 48}" y1="{low}" x2="{x + 48}" y2="{high - 6}" stroke="{STATE}" stroke-width="2"/>'
            yield f'<path d="M {x + 43} {high - 8} h 10 l -5 8 z" fill="{STATE}"/>'
            yield text(
                x + 58,
                (low + high) / 2 + 4,
                f"S<tspan baseline-shift='sub' font-size='9'>{n + 1}</tspan>",
                anchor="start",
            )


def draw(slope: float, chunk: int, count: int) -> str:
    """The whole picture as SVG."""
    total = chunk * count
    side = total * CELL
    parts = list(matrix(slope, chunk, total))
    for n in range(count + 1):
        at = n * chunk * CELL
        line = 'stroke="currentColor" stroke-opacity="0.35"'
        parts.append(f'<line x1="{LEFT}" y1="{TOP + at}" x2="{LEFT + side}" y2="{TOP + at}" {line}/>')
        parts.append(f'<line x1="{LEFT + at}" y1="{TOP}" x2="{LEFT + at}" y2="{TOP + side}" {line}/>')
    parts.append(text(LEFT + side / 2, TOP - 26, "keys and values, token j"))
    parts.append(text(LEFT + side / 2, TOP - 8, "weight of j for i: shade"))
    parts.append(
        f'<g transform="rotate(-90 {LEFT - 20} {TOP + side / 2})">{text(LEFT - 20, TOP + side / 2, "queries, token i")}</g>'
    )
    parts.extend(states(chunk, count))
    under = TOP + side + 22
    parts.append(text(LEFT, under, "green: a matrix product inside the chunk", anchor="start", colour=INSIDE))
    parts.append(
        text(LEFT, under + 19, "orange: read from the state that enters the chunk", anchor="start", colour=ACROSS)
    )
    width, height = LEFT + side + 190, under + 30
    body = "".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" width="{width}">{body}</svg>'


class ChunkPicture(SphinxDirective):
    """Puts the drawing into HTML pages."""

    option_spec: ClassVar = {
        "slope": float,
        "chunk": directives.positive_int,
        "chunks": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        options = self.options
        picture = draw(options.get("slope", 0.15), options.get("chunk", 4), options.get("chunks", 4))
        return [nodes.raw("", picture, format="html")]


def setup(app: Any) -> dict[str, Any]:
    app.add_directive("chunk-picture", ChunkPicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
