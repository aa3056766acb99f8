"""
A curriculum that follows pass rates
====================================

How deep should the composed problems be that a model trains on today? Too shallow, and every rollout is right; too deep, and
none is. Either way the group teaches nothing. :class:`composekit.compose.Curriculum` watches the groups and moves on.

Here a *simulated* student is trained: a logit for every skill and one for carrying a value over a link, moved by the policy
gradient with group-normalised advantages, as GRPO moves a model. It shows when a schedule helps and when it does not; it is
no language model.
"""

# %%
# Problems of depth 1 to 4
# ------------------------
# The pool comes from two generators; a :class:`~composekit.compose.Composer` chains it.

import random
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from composekit.compose import Composer, Curriculum, generators
from composekit.testing.learner import SimulatedStudent

DEPTHS = (1, 2, 3, 4)
STEPS, BATCH, SEEDS = 160, 24, 5

pool = [problem for generator in (generators.arithmetic, generators.physics) for problem in generator(60, seed=3)]
bank = {1: pool} | {depth: list(Composer(pool, depth=depth, seed=depth, size=100)) for depth in DEPTHS[1:]}
print(bank[2][0].prompt)

# %%
# Schedules
# ---------
# Four fixed ones to compare with: all depths alike, the greatest depth alone, and two that go up in stages, early (the last
# stage begins after a quarter of the steps) and late (equal stages). A stage is right for a student or it is not; nobody
# tells in advance.

FIXED = {
    "uniform": lambda step: [0.25] * 4,
    "deepest only": lambda step: [0, 0, 0, 1],
    "early stages": lambda step: [float(k == min(12 * step // STEPS, 3)) for k in range(4)],
    "late stages": lambda step: [float(k == min(4 * step // STEPS, 3)) for k in range(4)],
}


def run(name, ability, seed):
    """The pass rate at every depth, and what was generated so far (in parts), every fourth step; the final curriculum."""
    student = SimulatedStudent(seed, ability=ability, link=-1.0, lr=0.3)
    rng = random.Random(seed)
    curriculum = Curriculum(DEPTHS, seed=seed, window=16, patience=2)
    rates, cost, spent, shares = [], [], 0, []
    for step in range(STEPS):
        if name == "curriculum":
            depths = [curriculum.sample_depth() for _ in range(BATCH)]
            shares.append(list(curriculum.weights().values()))
        else:
            depths = rng.choices(DEPTHS, FIXED[name](step), k=BATCH)
        results = student.train([rng.choice(bank[depth]) for depth in depths])
        if name == "curriculum":
            curriculum.update(results)
        spent += sum(depths)
        if step % 4 == 3:
            rates.append([np.mean([student.pass_rate(p) for p in bank[depth][:12]]) for depth in DEPTHS])
            cost.append(spent)
    return np.array(rates), np.array(cost), np.array(shares)


NAMES = ["curriculum", *FIXED]
STUDENTS = {"strong": 0.0, "weak": -1.0, "very weak": -2.0}
runs = {
    (student, name): [run(name, ability, seed) for seed in range(SEEDS)]
    for student, ability in STUDENTS.items()
    for name in NAMES
}

# %%
# How soon is depth 3 solved half of the time?
# --------------------------------------------
# Every dot is one of five seeds. Left, training steps; right, what had to be generated for it, counted in parts, since a
# response to a composite of depth 3 is about three times as long. A cross at the edge: not within the run.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
colours = dict(zip(NAMES, plt.get_cmap("tab10").colors, strict=False))
table = {}
for row, (student, name) in enumerate(runs):
    for rates, cost, _ in runs[student, name]:
        reached = np.flatnonzero(rates[:, 2] >= 0.5)
        for axis, x, limit in zip(axes, (4 + 4 * np.arange(len(rates)), cost), (STEPS, 4 * STEPS * BATCH), strict=True):
            marker = "o" if len(reached) else "x"
            axis.plot(x[reached[0]] if len(reached) else limit, -row, marker, color=colours[name], alpha=0.7)
    times = [np.flatnonzero(r[:, 2] >= 0.5) for r, _, _ in runs[student, name]]
    table[student, name] = [4 + 4 * int(t[0]) if len(t) else None for t in times]
axes[0].set_yticks([-k for k in range(len(runs))], [f"{student}: {name}" for student, name in runs], fontsize=8)
axes[0].set_xlabel("training steps")
axes[1].set_xlabel("generated parts (rollouts of depth d count d)")
for axis in axes:
    axis.grid(alpha=0.3)
    for k in (1, 2):
        axis.axhline(0.5 - 5 * k, color="0.6", lw=0.8)
figure.suptitle("Until depth 3 is solved half of the time (simulated students, five seeds)")
figure.tight_layout()

for key, steps in table.items():
    print(f"{key[0]:>10} {key[1]:<13} {steps}")

# %%
# For the strong student nearly every schedule does. The weaker it is, the more the fixed ones lose: uniform sampling spends
# three quarters of its first groups where nothing is solved, and the deepest level alone never gets going. Stages work when
# their times happen to fit, and stages that come too early end in nothing. The curriculum needs no such times: it is not the
# fastest in every row, but it is never far from the fastest.
#
# What it does
# ------------
# The share of every depth in one run with the weak student, and the pass rates. The floor keeps an eye on depths that are
# out of reach, so that their groups are noticed as soon as some are mixed.

rates, _, shares = runs["weak", "curriculum"][0]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5))
left.stackplot(range(STEPS), shares.T, labels=[f"depth {d}" for d in DEPTHS], alpha=0.8)
left.set(xlabel="step", ylabel="share of the groups", xlim=(0, STEPS - 1), ylim=(0, 1))
for k, depth in enumerate(DEPTHS):
    right.plot(4 + 4 * np.arange(len(rates)), rates[:, k], label=f"depth {depth}")
right.axhline(0.5, color="0.6", lw=0.8)
right.set(xlabel="step", ylabel="pass rate", ylim=(0, 1))
right.legend(fontsize=8)
figure.tight_layout()

# %%
# Weak spots, named
# -----------------
# The curriculum also keeps a pass rate for every skill, with an interval, and can compose exercises around the weak ones.
# This student knows all of arithmetic but two topics. It is trained on pairs, drawn evenly or by the curriculum.

tags = {("math", str(p.metadata["topic"]), str(p.metadata["level"])) for p in generators.arithmetic(2000, seed=9)}
weak = {"average", "machines"}
abilities = {tag: (-1.5 if tag[1] in weak else 2.5) for tag in tags}
lessons = generators.arithmetic(400, seed=9)


def practise(steered, seed, steps=40, batch=16):
    """The pass rate on the weak topics, step by step."""
    student = SimulatedStudent(seed, abilities=abilities, link=2.5, lr=0.3)
    curriculum = Curriculum((1, 2), seed=seed)
    even = partial(Composer(lessons, depth=2, seed=seed, size=steps * batch).__getitem__)
    trace = []
    for step in range(steps):
        exercises = [curriculum.compose(lessons, 2) if steered else even(step * batch + k) for k in range(batch)]
        curriculum.update(student.train(exercises))
        trace.append(np.mean([student.pass_rate(p) for p in lessons if p.metadata["topic"] in weak]))
    return trace, curriculum


traces = {steered: [practise(steered, seed)[0] for seed in range(SEEDS)] for steered in (False, True)}
_, curriculum = practise(True, 0, steps=4)
for skill in curriculum.weaknesses(4):
    print(f"{skill.topic:>9}, level {skill.level}: {skill.pass_rate:.2f} in [{skill.low:.2f}, {skill.high:.2f}]")

figure, axis = plt.subplots(figsize=(5, 3.5))
for steered, label in ((True, "curriculum.compose"), (False, "drawn evenly")):
    lines = np.array(traces[steered])
    axis.plot(lines.mean(axis=0), label=label)
    axis.fill_between(range(lines.shape[1]), lines.min(axis=0), lines.max(axis=0), alpha=0.2)
axis.set(xlabel="step", ylabel="pass rate on the weak topics", ylim=(0, 1))
axis.legend()
figure.tight_layout()
plt.show()
