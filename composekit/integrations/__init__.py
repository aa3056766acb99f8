"""Adapters to the libraries that people train with. Each imports its library inside functions, when it is used.

* :mod:`composekit.integrations.trl`: verifiers as reward functions.
* :mod:`composekit.integrations.trl_distill`: a trainer of TRL whose loss is ExOPD.
* :mod:`composekit.integrations.verl`: a reward function, and rows in parquet files.
* :mod:`composekit.integrations.verl_distill`: ExOPD as a distillation loss and a policy loss of verl.
* :mod:`composekit.integrations.datasets`: problems as a Hugging Face data set.
* :mod:`composekit.integrations.reasoning_gym`: its data sets as sources of problems.
* :mod:`composekit.integrations.verifiers`: task sets and rewards of the verifiers package.
"""
