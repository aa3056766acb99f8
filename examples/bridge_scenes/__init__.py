"""Does a generator profit from many layers of its reader, and from think tokens? A small experiment on one CPU core.

* :mod:`bridge_scenes.scenes`: scenes of 16 x 16 pixels, captions for them, and a decoder that reads scenes exactly.
* :mod:`bridge_scenes.reader`: a small Llama that learns to read captions, and is frozen.
* :mod:`bridge_scenes.generator`: a flow-matching transformer that is conditioned through a bridge.
* :mod:`bridge_scenes.experiment`: the arms, for every seed, as rows.
* :mod:`bridge_scenes.figure`: the figures, from rows.

``python examples/train_bridge_scenes.py --quick`` runs it.
"""
