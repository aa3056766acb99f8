"""Which implementation runs for these arguments, and why. Standard library only.

A :class:`Capability` says what an implementation takes; a :class:`Call` says what the arguments are. Both are plain
records, so the choice can be made and explained without importing torch, Triton or the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Call:
    """The facts of one call that a choice may depend on (never the data).

    ``device`` is ``"cpu"``, ``"cuda"``, ...; ``dtype`` is ``"float32"``, ``"bfloat16"``, ...; ``arch`` is the compute
    capability as an integer (90 for sm_90), 0 off CUDA; ``sizes`` holds named axes; ``features`` the options in use.
    """

    device: str
    dtype: str
    arch: int = 0
    sizes: Sizes = field(default_factory=dict)
    features: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Capability:
    """What one implementation accepts. :meth:`refusal` returns the first reason against a call, or None.

    Example:
        >>> can = Capability(devices=("cuda",), dtypes=("bfloat16",), sizes={"D": (16, 256)}, min_arch=80)
        >>> can.refusal(Call(device="cpu", dtype="bfloat16"))
        'runs on cuda, not on cpu'
        >>> can.refusal(Call(device="cuda", dtype="bfloat16", arch=90, sizes={"D": 512}))
        'takes D from 16 to 256, not 512'
    """

    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    min_arch: int = 0
    modules: tuple[str, ...] = ()

    def refusal(self, call: Call) -> str | None:
        """The first reason why this implementation cannot take the call, or None."""
        for module in self.modules:
            if find_spec(module) is None:
                return f"needs the package {module}, which is not installed"
        if call.device not in self.devices:
            return f"runs on {' or '.join(self.devices)}, not on {call.device}"
        if call.arch < self.min_arch and call.device == "cuda":
            return f"needs compute capability sm_{self.min_arch} or newer, not sm_{call.arch}"
        if call.dtype not in self.dtypes:
            return f"takes {', '.join(self.dtypes)}, not {call.dtype}"
        for axis, (low, high) in self.sizes.items():
            if axis in call.sizes and not low <= call.sizes[axis] <= high:
                return f"takes {axis} from {low} to {high}, not {call.sizes[axis]}"
        unknown = sorted(call.features - self.features)
        if unknown:
            return f"does not support {', '.join(unknown)}"
        return None


def table(op: str) -> dict[str, tuple[str, Capability]]:
    """The rows of one operation: implementation -> (entry point, capability), best first."""
    from composekit_kernels import CAPABILITIES, IMPLS

    return {name: (entry, CAPABILITIES[op, name]) for name, entry in IMPLS.get(op, {}).items()}


def resolve(op: str, call: Call, impl: str = "auto") -> tuple[str, Callable[..., Any]] | None:
    """The implementation that takes the call: its name and its loaded function; None where none does.

    With a name other than ``"auto"`` only that row is considered.
    """
    for name, (entry, capability) in table(op).items():
        if impl in ("auto", name) and capability.refusal(call) is None:
            module, _, function = entry.partition(":")
            return name, getattr(import_module(module), function)
    return None


def explain(op: str, call: Call) -> dict[str, str]:
    """Implementation -> why it can or cannot take this call, in the order in which ``auto`` tries them."""
    return {name: capability.refusal(call) or "can run" for name, (_, capability) in table(op).items()}
