"""What the families of operators share in their autograd."""

from __future__ import annotations

from typing import Any

import torch


def forbid_double_backward(op: Any, name: str) -> None:
    """Let the backward operator ``op`` say plainly that it cannot be differentiated again.

    Without a registration torch would complain about the name of an internal operator, which helps nobody.
    """

    def refuse(ctx: Any, *grads: torch.Tensor | None) -> None:
        raise NotImplementedError(
            f"{name}: create_graph must be False for this implementation; got a second differentiation. "
            "Use impl='reference', which plain autograd differentiates as often as you like."
        )

    op.register_autograd(refuse)
