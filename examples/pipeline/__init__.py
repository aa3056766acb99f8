"""One small model through the whole library: composed problems, linear attention, checked rewards, distillation.

``problems.py`` makes the problems and turns text into tokens, ``reader.py`` is the model, ``stages.py`` trains it, and
``experiment.py`` runs everything for some seeds. ``examples/train_pipeline.py`` starts it.
"""
