"""Fast kernels of composekit, behind one table.

``IMPLS`` is the whole map: operation -> {implementation: "module:function"}, best first. Importing this package imports
neither torch nor Triton; :func:`composekit_kernels.dispatch.resolve` loads the one function that a call needs.
The portable implementations, ``reference`` and ``chunked``, live in composekit beside the functions that use them.
"""

from composekit_kernels.dispatch import Call, Capability

IMPLS: dict[str, dict[str, str]] = {}

# What each implementation can take, readable without importing it.
CAPABILITIES: dict[tuple[str, str], Capability] = {}

# The modules whose kernels are compiled ahead of time (composekit_kernels.aot); each lists its configurations().
KERNELS: tuple[str, ...] = ("composekit_kernels.triton.channel_bridge",)

__all__ = ["CAPABILITIES", "IMPLS", "KERNELS", "Call", "Capability"]
