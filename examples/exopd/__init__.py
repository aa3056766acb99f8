"""Does a student pass its teachers? A small experiment on ExOPD that runs on one CPU core.

* :mod:`exopd.task`: two-step modular arithmetic, with addition and multiplication as domains, and exact scores.
* :mod:`exopd.student`: a recurrent language model and its noisy supervised base.
* :mod:`exopd.reinforce`: teachers by reinforcement learning from the base.
* :mod:`exopd.distill`: on-policy distillation with composekit's losses, and weight extrapolation to compare with.
* :mod:`exopd.experiment`: everything for one seed, as rows.
* :mod:`exopd.figure`: the figures, from rows.

``python examples/train_exopd.py --quick`` runs it.
"""
