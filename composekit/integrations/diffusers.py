"""Bridge outputs as keyword arguments for the transformers of diffusers.

The adapters pass a mask on, or refuse; they never drop one. They need torch alone; the generators come from diffusers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from composekit._errors import bad_value

if TYPE_CHECKING:
    from composekit.bridge import BridgeOutput


def to_sd3(output: BridgeOutput) -> dict[str, Any]:
    """For ``SD3Transformer2DModel.forward``: ``encoder_hidden_states`` and ``pooled_projections``.

    SD3 attends to all of its context: it accepts an attention mask and ignores it. So a bridge with ``emit="think"``, which
    has no padding, is the way to feed it; with ``emit="all"`` every prompt of the batch must be equally long.

    Args:
        output: From a bridge with a pooled head.

    Raises:
        ArgumentError: padding, packed rows, or no pooled vector.

    Example:
        >>> from composekit.bridge import BridgeOutput
        >>> sorted(to_sd3(BridgeOutput(torch.zeros(1, 4, 8), None, torch.zeros(1, 6), None)))
        ['encoder_hidden_states', 'pooled_projections']
    """
    _unpacked("to_sd3", output)
    if output.mask is not None and not bool(output.mask.all()):
        raise bad_value(
            "to_sd3",
            "output.mask",
            "keep every position, because SD3 accepts a mask and ignores it",
            f"{int((~output.mask).sum())} padded positions",
            "Make the bridge with emit='think', or bridge prompts of one length",
        )
    return {"encoder_hidden_states": output.embeds, "pooled_projections": _pooled("to_sd3", output)}


def to_flux(output: BridgeOutput, image_tokens: int | Tensor | None = None) -> dict[str, Any]:
    """For ``FluxTransformer2DModel.forward``: embeddings, pooled vector, text positions, and the mask over text and image.

    Args:
        output: From a bridge with a pooled head.
        image_tokens: Number of image tokens, or the image tokens themselves ``[B, S_image, C]``; needed where there is a
            mask, which Flux wants over text and image together, ``[B, 1, 1, S + S_image]``.

    Raises:
        ArgumentError: packed rows, no pooled vector, or padding without ``image_tokens``.

    Example:
        >>> from composekit.bridge import BridgeOutput
        >>> mask = torch.tensor([[True, False]])
        >>> kwargs = to_flux(BridgeOutput(torch.zeros(1, 2, 8), mask, torch.zeros(1, 6), None), image_tokens=3)
        >>> kwargs["joint_attention_kwargs"]["attention_mask"].tolist()
        [[[[True, False, True, True, True]]]]
    """
    _unpacked("to_flux", output)
    kwargs: dict[str, Any] = {
        "encoder_hidden_states": output.embeds,
        "pooled_projections": _pooled("to_flux", output),
        "txt_ids": torch.zeros(output.embeds.shape[1], 3, dtype=output.embeds.dtype, device=output.embeds.device),
    }
    if output.mask is None or (image_tokens is None and bool(output.mask.all())):
        return kwargs
    if image_tokens is None:
        raise bad_value(
            "to_flux",
            "image_tokens",
            "be given where the output has padding, because Flux wants one mask over text and image",
            None,
            "Pass the number of image tokens, or bridge with emit='think'",
        )
    count = image_tokens.shape[1] if isinstance(image_tokens, Tensor) else int(image_tokens)
    image = output.mask.new_ones(output.mask.shape[0], count)
    kwargs["joint_attention_kwargs"] = {"attention_mask": torch.cat([output.mask, image], 1)[:, None, None, :]}
    return kwargs


def to_qwen_image(output: BridgeOutput) -> dict[str, Any]:
    """For ``QwenImageTransformer2DModel.forward``: ``encoder_hidden_states`` and ``encoder_hidden_states_mask``.

    Qwen-Image gives text rotary positions by place, so real positions move to the front of their row, in order: a prompt
    then gets the same positions whatever padding it had.

    Args:
        output: Of any bridge; a pooled vector is not used by this generator.

    Raises:
        ArgumentError: packed rows.

    Example:
        >>> from composekit.bridge import BridgeOutput
        >>> output = BridgeOutput(torch.tensor([[[0.0], [5.0]]]), torch.tensor([[False, True]]), None, None)
        >>> to_qwen_image(output)["encoder_hidden_states"].tolist()
        [[[5.0], [0.0]]]
    """
    _unpacked("to_qwen_image", output)
    if output.mask is None:
        return {"encoder_hidden_states": output.embeds, "encoder_hidden_states_mask": None}
    order = (~output.mask).to(torch.uint8).argsort(dim=1, stable=True)
    embeds = output.embeds.gather(1, order[..., None].expand_as(output.embeds))
    return {"encoder_hidden_states": embeds, "encoder_hidden_states_mask": output.mask.gather(1, order)}


def _unpacked(op: str, output: BridgeOutput) -> None:
    if output.cu_seqlens is not None:
        raise bad_value(
            op,
            "output",
            "have one row a prompt: the generator would let packed prompts read each other",
            f"{output.cu_seqlens.shape[0] - 1} packed prompts",
            "Make the bridge with emit='think', or bridge the prompts unpacked",
        )


def _pooled(op: str, output: BridgeOutput) -> Tensor:
    if output.pooled is None:
        raise bad_value(op, "output.pooled", "be there for this generator", None, "Make the bridge with pooled_dim")
    return output.pooled
