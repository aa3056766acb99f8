r"""
A student that passes its teacher
=================================

On-policy distillation brings a student to its teacher. ExOPD goes on in the same direction: with a reward scale
:math:`\lambda > 1` the student's target is :math:`q \propto T^\lambda R^{1 - \lambda}`, which is where reinforcement
learning would have gone on to from the reference R through the teacher T, for as long as the two point to something good.

Here a small recurrent network learns two-step arithmetic modulo ten. Its base is right about half of the time, a teacher is
reinforcement learning stopped early, and students learn from the base's own answers. Two seeds, half a minute: the full
experiment with five, and what it does and does not prove, is in the guide.
"""

# %%
# The loss
# --------
# This is all there is to it: the student's own answers, logits of student, teacher and reference at every token, one module.

import inspect

import matplotlib.pyplot as plt
import torch
from exopd import distill
from exopd.experiment import QUICK, flaw, merged
from exopd.figure import curve, level

torch.set_num_threads(1)
print(inspect.getsource(distill.distill))

# %%
# Two teachers, one student
# -------------------------
# One teacher was trained on sums, the other on products. :class:`composekit.distill.Teachers` sends every problem to the
# teacher of its domain; the reference is the base that both began from. Bars and bands are standard errors over two seeds.

rows = list(merged(QUICK))
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for axis, domain, name in zip(axes, "+*", ("sums", "products"), strict=True):
    curve(axis, rows, "merged", domain=domain, label="student of both")
    level(axis, rows, "teacher", domain=domain, color="black", label=f"teacher of {name}")
    level(axis, rows, "base", domain=domain, color="0.6", label="base")
    axis.set_title(name)
    axis.legend(frameon=False, fontsize=8)
axes[0].set_ylabel("accuracy on held-out problems")

for row in rows:
    scale = "" if row["reward_scale"] is None else f"lambda {row['reward_scale']:g}"
    print(f"{row['method']:>14} {scale:<9} {row['domain']}  {row['accuracy']:.3f} ± {row['accuracy_se']:.3f}")

# %%
# At :math:`\lambda = 1` the student is as good as its teachers, beyond that it is better. What it gains is what they had
# begun to learn.
#
# What the teacher learned wrong is amplified alike
# -------------------------------------------------
# This teacher's reward also paid for wrong answers that begin with a 7 or an 8. Extrapolation does not know which of the two
# was meant.

rows = list(flaw(QUICK))
figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
curve(axis, rows, "student, flaw pays 1", label="right", color="C0")
curve(axis, rows, "student, flaw pays 1", field="exploit", label="wrong, but paid for", color="C3")
level(axis, rows, "teacher, flaw pays 1", color="C0")
level(axis, rows, "teacher, flaw pays 1", field="exploit", color="C3")
axis.set(ylabel="share of answers", ylim=(0, 1), title="Dashed: the teacher")
axis.legend(frameon=False, fontsize=8)
plt.show()
