"""The settings of block-sparse attention."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from composekit._errors import ArgumentError, bad_type, bad_value

_OP = "SparseConfig"
_RANKS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class SparseConfig:
    """How the blocks of keys are chosen that a query attends to; all sizes but ``topk`` and ``init_blocks`` in tokens.

    A query attends to ``budget`` blocks, its own position never passed: the initial blocks and the local ones, from
    ``window_size / block_size`` before its own block to its own, are always among them; the best of the rest fill up.

    Args:
        block_size: Tokens of a block of keys and values.
        kernel_size: Keys that one entry of the first compression, C1, averages.
        stride: Tokens from one entry of C1 to the next; divides the kernel sizes and the block size.
        lse_kernel_size: Keys that one entry of the second compression, C2, averages.
        lse_stride: Tokens from one entry of C2 to the next.
        init_blocks: Blocks at the start that every query attends to.
        window_size: Tokens of the local window, a multiple of the block size.
        topk: Blocks of the budget beside the window; more than ``init_blocks``.
        dense_len: :func:`sparse_attention` is dense for the query at position *i* while ``i + 1 < dense_len``.
        lse: What normalises the scores: ``"approximate"`` over C2, ``"exact"`` over C1.
        rank_dtype: Precision in which scores are compared: ``torch.float32`` (float64 for float64 inputs) or
            ``torch.bfloat16``; their names will do. The lower block wins a tie.
        mask_future: Leave future blocks out before ranking, or drop them after it. As a future block scores 0 and has the
            higher index, both select the same blocks; a kernel whose ties are unordered may differ.
        dense_by: ``"query"`` as under ``dense_len``; ``"batch_max"`` makes all queries dense while the longest sequence of
            the batch is below ``dense_len`` and all sparse from then on, which is not causal.

    Raises:
        ArgumentError: a size that is out of range or no multiple of what it must be; an unknown choice.
        ArgumentTypeError: a size that is not an integer, a switch that is not bool.

    Example:
        >>> config = SparseConfig()
        >>> config.budget, config.window_blocks
        (96, 32)
        >>> SparseConfig(block_size=64, stride=24)
        Traceback (most recent call last):
            ...
        composekit._errors.ArgumentError: SparseConfig: kernel_size must be a multiple of stride, 24; got 32. Change one.

    Source:
        Zhao et al. 2025 (InfLLM-V2, arXiv 2509.24663); MiniCPM-SALA.
    """

    block_size: int = 64
    kernel_size: int = 32
    stride: int = 16
    lse_kernel_size: int = 128
    lse_stride: int = 64
    init_blocks: int = 1
    window_size: int = 2048
    topk: int = 64
    dense_len: int = 8192
    lse: str = "approximate"
    rank_dtype: torch.dtype = torch.float32
    mask_future: bool = True
    dense_by: str = "query"

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)[:9]):
            _check_size(name, getattr(self, name))
        for name in ("kernel_size", "lse_kernel_size", "block_size"):
            _check_multiple(name, getattr(self, name), "stride", self.stride)
        _check_multiple("window_size", self.window_size, "block_size", self.block_size)
        if self.topk <= self.init_blocks:
            raise bad_value(_OP, "topk", f"exceed init_blocks, {self.init_blocks}", self.topk, "Raise topk")
        if isinstance(self.rank_dtype, str) and self.rank_dtype in _RANKS:
            object.__setattr__(self, "rank_dtype", _RANKS[self.rank_dtype])
        _check_choice("lse", self.lse, ("approximate", "exact"))
        _check_choice("rank_dtype", self.rank_dtype, tuple(_RANKS.values()))
        _check_choice("dense_by", self.dense_by, ("query", "batch_max"))
        if not isinstance(self.mask_future, bool):
            raise bad_type(_OP, "mask_future", "be a bool", type(self.mask_future).__name__, "Pass True or False")

    @property
    def window_blocks(self) -> int:
        """Local blocks before the own one."""
        return self.window_size // self.block_size

    @property
    def budget(self) -> int:
        """The most blocks that a query attends to, *S*."""
        return self.topk + self.window_blocks

    @classmethod
    def minicpm_sala(cls) -> SparseConfig:
        """The sparse layers of MiniCPM-SALA as released: ranked in bfloat16, dense by the longest sequence.

        Example:
            >>> SparseConfig.minicpm_sala().dense_by
            'batch_max'
        """
        return cls(rank_dtype=torch.bfloat16, mask_future=False, dense_by="batch_max")


def _check_size(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_type(_OP, name, "be an integer", type(value).__name__, "Pass a whole number")
    least = 0 if name in ("init_blocks", "window_size", "dense_len") else 1
    if value < least:
        raise bad_value(_OP, name, f"be at least {least}", value, "Pass a larger number")


def _check_multiple(name: str, value: int, of: str, factor: int) -> None:
    if value % factor:
        raise bad_value(_OP, name, f"be a multiple of {of}, {factor}", value, "Change one")


def _check_choice(name: str, value: object, choices: tuple) -> None:
    if value not in choices:
        raise ArgumentError(
            f"{_OP}: {name} must be one of {', '.join(str(c) for c in choices)}; got {value!r}. Choose one of these."
        )
