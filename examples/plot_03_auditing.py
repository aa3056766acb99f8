r"""
Auditing composites
===================

An audit reads a composite as a solver would. Here it looks at sound composites, at the same composites with defects put
into them, and at what a whole data set gives away to a reader who never solves the first part.
"""

# %%
# Sound composites
# ----------------
#
# The pool comes from the generators, so that this page needs no data. Every composite passes.

import re
from collections import Counter

import matplotlib.pyplot as plt

from composekit.compose import Composer, Link, audit, generators, stats

pool = [*generators.arithmetic(120, seed=1), *generators.algebra(120, seed=1)]
composites = list(Composer(pool, size=200, seed=4))
print(composites[0].prompt, "\n")
print("flagged:", sum(not audit(composite).ok for composite in composites), "of", len(composites))

# %%
# Defects
# -------
#
# Each function damages a prompt in one way that language models damage them, too. To the audit, the damaged composites are
# strangers: it gets the texts, the symbols and the values, but neither the sentence that joins the parts nor the place of
# the constant.


def stranger(composite, prompt):
    """The composite as another tool would hand it over."""
    links = [
        Link(x.source, x.target, x.symbol_in, str(x.value_in), x.symbol_out, str(x.value_out), "", None)
        for x in composite.links
    ]
    return composite.replace(prompt=prompt, links=tuple(links))


def flip_sign(composite):
    """More becomes less."""
    relation = composite.links[0].relation
    flipped = relation.replace(" more ", "\0").replace(" less ", " more ").replace("\0", " less ")
    return composite.prompt.replace(relation, flipped)


def lose_words(composite):
    """The first part loses its last three words."""
    part = composite.parts[0].prompt
    return composite.prompt.replace(part, part.rsplit(maxsplit=3)[0])


def keep_constant(composite):
    """The constant is never replaced."""
    link = composite.links[0]
    head = composite.prompt[: composite.prompt.index(link.relation) + len(link.relation)]
    return f"{head}\n\n{composite.parts[1].prompt}"


def change_difference(composite):
    """The difference is off by one."""
    relation = composite.links[0].relation
    return composite.prompt.replace(relation, re.sub(r"\d+", lambda m: str(int(m[0]) + 1), relation, count=1))


damages = [flip_sign, lose_words, keep_constant, change_difference]
kinds = {damage.__name__: Counter() for damage in damages}
for damage in damages:
    for composite in composites:
        damaged = damage(composite)
        if damaged != composite.prompt:
            found = audit(stranger(composite, damaged))
            kinds[damage.__name__][found.defects[0].kind if found.defects else "missed"] += 1

names = ["incomplete", "constant", "relation", "missed"]
figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
left = [0] * len(damages)
for name in names:
    counts = [kinds[damage.__name__][name] for damage in damages]
    axes.barh(range(len(damages)), counts, left=left, label=name)
    left = [a + b for a, b in zip(left, counts, strict=True)]
axes.set_yticks(range(len(damages)), [damage.__name__.replace("_", " ") for damage in damages])
axes.invert_yaxis()
axes.set_xlabel("damaged composites, by the kind of the first defect found")
axes.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
plt.show()

# %%
# What a data set gives away
# --------------------------
#
# ``stats`` asks how far a reader comes who never solves the first part. New values for the constants (``new_values=True``)
# also take away what was memorised about the last part.

for new_values in (False, True):
    found = stats(Composer(pool, size=200, seed=4, new_values=new_values))
    print(
        f"new_values={new_values}: guessable {found.guessable:.2f}, leaky {found.leaky:.2f}, "
        f"likeliest constant {found.baselines.likeliest_constant:.3f}, last number {found.baselines.last_number:.3f}, "
        f"answers that change with the constant {found.answers_depend:.2f}"
    )
