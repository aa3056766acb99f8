"""Which implementation runs for these arguments, and why. Standard library only.

A :class:`Capability` says what an implementation takes; a :class:`Call` says what the arguments are. Both are plain
records, so the choice can be made and explained without importing torch, Triton or the kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Sizes = Mapping[str, int]

LOADED: dict[str, Callable[..., Any]] = {}
_INSTALLED: dict[str, bool] = {}


def installed(module: str) -> bool:
    """Whether a top-level module can be imported; looked up once, for this is asked at every call."""
    if module not in _INSTALLED:
        try:
            _INSTALLED[module] = find_spec(module) is not None
        except ImportError:  # somebody forbids it
            _INSTALLED[module] = False
    return _INSTALLED[module]


def interpreter_on() -> bool:
    """Whether Triton will interpret (read as Triton reads it)."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "on", "yes", "y")


@dataclass(frozen=True)
class Call:
    """The facts of one call that a choice may depend on (never the data).

    ``device`` is ``"cpu"``, ``"cuda"``, ``"rocm"``, ``"mps"``, ...; ``dtype`` is ``"float32"``, ``"bfloat16"``, ...;
    ``arch`` is the compute capability as an integer (90 for sm_90), 0 off CUDA; ``sizes`` holds named axes; ``features``
    the options in use.
    """

    device: str
    dtype: str
    arch: int = 0
    sizes: Sizes = field(default_factory=dict)
    features: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Capability:
    """What one implementation accepts. :meth:`refusal` returns the first reason against a call, or None.

    ``sizes`` gives the lowest and the highest size of named axes, ``multiples`` what a size must be a multiple of,
    ``features`` every option that it supports. ``interpretable`` implementations also run on the CPU where Triton's
    interpreter is on, but only when named: it is a debugger, which ``auto`` must never pick.

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
    multiples: Sizes = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    min_arch: int = 0
    modules: tuple[str, ...] = ()
    interpretable: bool = False

    def __post_init__(self) -> None:
        for module in self.modules:  # looked up before anything is traced: a graph that saw the look-up would guard it
            installed(module)

    def refusal(self, call: Call, *, named: bool = False) -> str | None:
        """The first reason why this implementation cannot take the call, or None; ``named`` where the user asked for it."""
        for module in self.modules:
            if not installed(module):
                return f"needs the package {module}, which is not installed"
        if call.device not in self.devices and not (
            named and self.interpretable and call.device == "cpu" and interpreter_on()
        ):
            hint = " (in Triton's interpreter with TRITON_INTERPRET=1, when named)" if self.interpretable else ""
            return f"runs on {' or '.join(self.devices)}, not on {call.device}" + hint * (call.device == "cpu")
        if call.arch < self.min_arch and call.device == "cuda":
            return f"needs compute capability sm_{self.min_arch} or newer, not sm_{call.arch}"
        if call.dtype not in self.dtypes:
            return f"takes {', '.join(self.dtypes)}, not {call.dtype}"
        for axis, (low, high) in self.sizes.items():
            if axis in call.sizes and not low <= call.sizes[axis] <= high:
                return f"takes {axis} from {low} to {high}, not {call.sizes[axis]}"
        for axis, factor in self.multiples.items():
            if axis in call.sizes and call.sizes[axis] % factor:
                return f"takes {axis} in multiples of {factor}, not {call.sizes[axis]}"
        unknown = sorted(call.features - self.features)
        if unknown:
            return f"does not support {', '.join(unknown)}"
        return None


def table(op: str) -> dict[str, tuple[str, Capability]]:
    """The rows of one operation: implementation -> (entry point, capability), best first."""
    from composekit_kernels import CAPABILITIES, IMPLS

    return {name: (entry, CAPABILITIES[op, name]) for name, entry in IMPLS.get(op, {}).items()}


def load(entry: str) -> bool:
    """Load the function that an entry point of the table, ``"module:function"``, names, into :data:`LOADED`; True."""
    if entry not in LOADED:
        module, _, function = entry.partition(":")
        LOADED[entry] = getattr(import_module(module), function)
    return True


def accepted(op: str, call: Call, impl: str = "auto") -> tuple[str, str] | None:
    """Name and entry point of the implementation that takes the call, None where none does; loads nothing."""
    for name, (entry, capability) in table(op).items():
        if impl in ("auto", name) and capability.refusal(call, named=impl == name) is None:
            return name, entry
    return None


def resolve(op: str, call: Call, impl: str = "auto") -> tuple[str, Callable[..., Any]] | None:
    """The implementation that takes the call: its name and its loaded function; None where none does.

    With a name other than ``"auto"`` only that row is considered.
    """
    found = accepted(op, call, impl)
    if found is None:
        return None
    load(found[1])
    return found[0], LOADED[found[1]]


def explain(op: str, call: Call, *, named: bool = False) -> dict[str, str]:
    """Implementation -> why it can or cannot take this call, in the order in which ``auto`` tries them.

    ``named`` asks for each as if the user had named it, which lets Triton's interpreter count.
    """
    return {name: row.refusal(call, named=named) or "can run" for name, (_, row) in table(op).items()}
