"""How often a composite can be solved without its first part, against constants that were judged one by one.

``labels/needless_constants.jsonl`` holds, for every problem that was read, the places of the constants that were judged and
of those that are needless: the answer does not depend on them, or the rest of the text tells them. A language model read and
judged them, in several readings; no person checked it. The rules of the library were extended after each, so the rates say
what is left on these problems, not what is to be expected on others. The library also lists a few of them by a hash
(``needless/known.py``), where no rule tells: ``needless_by_list_alone``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.compose_links import gsm8k, math
from benchmarks.harness import Context, Row, case
from composekit.compose import Composer, Problem, Unlinkable
from composekit.compose.ends import ends_of
from composekit.compose.needless.known import known_needless

LABELS = Path(__file__).parent / "labels" / "needless_constants.jsonl"
DRAWS = 20  # composites that end in each problem


def both_questions(path: Path) -> list[Problem]:
    """The parts of the composites of vcmd_dev, each once."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    parts = (
        Problem(row["question" + k], row["data" + k]["final_answer"], solution=row["data" + k]["solution"])
        for row in rows
        for k in "12"
    )
    return list({part.id: part for part in parts}.values())


@case("compose_links", "needless")
def needless(ctx: Context) -> Iterator[Row]:
    """The share of constants, and of a composer's links, that were judged to be needless."""
    labels = [json.loads(line) for line in LABELS.read_text().splitlines()]
    pools = {
        "MATH-500": math(ctx.data("math500.jsonl")),
        "vcmd_dev": both_questions(ctx.data("vcmd_dev.jsonl")),
        "GSM8K test": gsm8k(ctx.data("gsm8k_test.jsonl")),
        "GSM8K train": gsm8k(ctx.data("gsm8k_train.jsonl")),
    }
    for name, pool in pools.items():
        rows = {row["problem"]: row for row in labels if row["set"] == name}
        read = [problem for problem in pool if problem.id in rows]
        if len(read) != len(rows):
            raise AssertionError(
                f"{len(rows) - len(read)} of the problems of {name} that were read are not in the data"
            )
        judged = {(p.id, tuple(span)) for p in read for span in rows[p.id]["read"]}
        wrong = {(p.id, tuple(span)) for p in read for span in rows[p.id]["needless"]}
        allowed = {(p.id, c.span) for p in read for tier in ends_of(p).link_tiers("needed") for c in tier}
        drawn = _drawn(read, 2 if ctx.quick else DRAWS)
        known = {key: count for key, count in drawn.items() if key in judged}
        yield {
            "set": name,
            "problems_read": len(read),
            "constants_judged": len(judged),
            "needless_of_judged": len(wrong),
            "constants_allowed": len(allowed),
            "needless_of_allowed": len(allowed & wrong),
            "needless_by_list_alone": sum(len(known_needless(p.prompt)) for p in pool),
            "links_drawn": sum(drawn.values()),
            "links_not_judged": sum(drawn.values()) - sum(known.values()),
            "needless_share_of_links": sum(n for key, n in known.items() if key in wrong) / sum(known.values()),
        }


def _drawn(pool: list[Problem], draws: int) -> Counter[tuple[str, tuple[int, int]]]:
    """How often a composer puts a symbol in the place of each constant."""
    composer = Composer(pool, depth=2, seed=5, size=draws * len(pool))
    drawn: Counter[tuple[str, tuple[int, int]]] = Counter()
    for index in range(len(composer)):
        try:
            composite = composer[index]
        except Unlinkable:
            continue
        link = composite.links[0]
        drawn[composite.parts[link.target].id, link.span] += 1
    return drawn
