r"""
Composing problems
==================

Two solved problems become one that is harder and whose answer is known: a number of the first answer is named X, a constant
of the second is replaced by Y, and a sentence relates the two. No language model is asked.
"""

# %%
# One link
# --------
#
# The first problem stands whole; of the second only the constant is gone. The answer is the second problem's, unchanged.

import time

import matplotlib.pyplot as plt

from composekit.compose import Composer, Problem, Unlinkable, audit, bundle, chain, generators, verify

boxes = Problem("A crate holds 12 boxes of 16 pencils. How many pencils are in the crate?", 192)
train = Problem("A train covers 340 km at 85 km per hour. How many hours does it travel?", 4)
harder = chain(boxes, train, seed=0)
print(harder.prompt)
print("\nanswer:", harder.answer)
link = harder.links[0]
print(f"{link.symbol_in} = {link.value_in}, {link.symbol_out} = {link.value_out}: {link.relation}")

# %%
# Where no sound link exists, the reason is raised; nothing is composed that could be wrong.

try:
    chain(Problem("Which planet is the largest?", r"\text{Jupiter}"), train)
except Unlinkable as reason:
    print(reason)

# %%
# The verdict on a response is exact, and a hedge is no answer.

for response in (
    r"It travels \boxed{4} hours.",
    r"\boxed{\frac{8}{2}}",
    r"\boxed{5}",
    r"\boxed{4} or \boxed{5}",
    "Four, I think?",
):
    verdict = verify(response, harder)
    print(f"{response:32} {verdict.status:12} {verdict.score}")

# %%
# Streams
# -------
#
# A ``Composer`` is addressed by index: entry ``i`` depends on the pool, the options, the seed and ``i`` alone, so
# workers can share a stream without talking to one another.

pool = [*generators.arithmetic(150, seed=1), *generators.physics(150, seed=1), *generators.logic(150, seed=1)]
streams = {depth: Composer(pool, depth=depth, cross_domain=True, seed=7) for depth in (2, 3, 4)}
samples, rates = {}, {}
for depth, stream in streams.items():
    start = time.perf_counter()
    samples[depth] = [stream[i] for i in range(300)]
    rates[depth] = 300 / (time.perf_counter() - start)
    assert all(audit(composite).ok for composite in samples[depth])
print(samples[3][0].prompt)

# %%
# Deeper composites are longer, and their chance of being solved is about the product of their parts' chances. For a model
# that solves one part with probability *p*, a composite of depth *K* is solved about *p* to the *K*: this is what makes
# composites teach where single problems no longer do.

figure, (lengths, chances) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
singles = [len(problem.prompt) for problem in pool]
lengths.hist(singles, bins=30, alpha=0.6, density=True, label="depth 1")
for depth, composites in samples.items():
    lengths.hist([len(c.prompt) for c in composites], bins=30, alpha=0.6, density=True, label=f"depth {depth}")
lengths.set(xlabel="characters of the prompt", ylabel="density", title="Length")
lengths.legend(frameon=False)
p = [k / 50 for k in range(51)]
for depth in (1, 2, 3, 4):
    chances.plot(p, [x**depth for x in p], label=f"depth {depth}")
chances.set(xlabel="chance to solve one part", ylabel="chance to solve all", title="Independent parts")
chances.legend(frameon=False)
plt.show()

# %%
# Bundles
# -------
#
# A bundle links nothing: independent parts, each answered and judged on its own.

three = bundle(boxes, generators.logic(1, seed=3)[0], generators.physics(1, seed=3)[0])
print(three.prompt)
