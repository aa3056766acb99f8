"""A small complete language model of hybrid layers, for training from scratch and for experiments."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composekit._errors import ComposeKitError, bad_type, bad_value
from composekit.attention._mixing import RMSNorm, check_call, check_layer
from composekit.attention._refusal import refuse
from composekit.attention._sampling import check_sampling, sample
from composekit.attention.cache import HybridCache
from composekit.attention.config import HybridConfig
from composekit.attention.hybrid import HybridAttention

_OP = "HybridDecoder"
_SPREAD = 0.02  # of the weights at the start


class FeedForward(nn.Module):
    """SwiGLU: ``down(silu(gate(x)) * up(x))``."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.gate = nn.Linear(channels, inner, bias=False)
        self.up = nn.Linear(channels, inner, bias=False)
        self.down = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class DecoderLayer(nn.Module):
    """Mix tokens, then channels; each behind a norm and added to what came in."""

    def __init__(self, config: HybridConfig, layer_idx: int, impl: str) -> None:
        super().__init__()
        self.scale = config.residual_scale
        self.attention_norm = RMSNorm(config.d_model, config.norm_eps)
        self.attention = HybridAttention(config, layer_idx, impl=impl)
        self.ffn_norm = RMSNorm(config.d_model, config.norm_eps)
        self.ffn = FeedForward(config.d_model, config.ffn_dim or 4 * config.d_model)

    def forward(self, x: Tensor, **where) -> Tensor:  # type: ignore[no-untyped-def]
        x = x + self.scale * self.attention(self.attention_norm(x), **where)
        return x + self.scale * self.ffn(self.ffn_norm(x))


class HybridDecoder(nn.Module):
    """Embedding, hybrid layers, a norm and a head: tokens in, logits out.

    Args:
        config: The settings; ``vocab_size`` must be one of them.
        impl: The implementation of the attention.

    Raises:
        ArgumentError: ``config`` without ``vocab_size``.
        ArgumentTypeError: ``config`` is not a :class:`HybridConfig`.

    Attributes:
        embedding: ``nn.Embedding``.
        layers: The layers; ``layers[i].attention.mixer`` is sparse or linear.
        norm: The last norm.
        head: ``nn.Linear`` without bias, ``[vocab_size, d_model]``, not tied to the embedding.

    Example:
        >>> import torch
        >>> from composekit.attention import HybridConfig, HybridDecoder
        >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
        <torch._C.Generator ...>
        >>> model = HybridDecoder(HybridConfig(d_model=32, num_layers=4, num_heads=2, vocab_size=100)).eval()
        >>> tokens = torch.randint(100, (2, 10))
        >>> logits, cache = model(tokens)
        >>> logits.shape, cache.lengths(0).tolist()
        (torch.Size([2, 10, 100]), [10, 10])
        >>> model.generate(tokens, max_new_tokens=3).shape
        torch.Size([2, 13])

    Source:
        MiniCPM-SALA, section 2.1.
    """

    def __init__(self, config: HybridConfig, *, impl: str = "auto") -> None:
        super().__init__()
        check_layer(_OP, config, 0)
        if config.vocab_size is None:
            raise bad_value(_OP, "config.vocab_size", "be given", None, "Pass HybridConfig(..., vocab_size=...)")
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(DecoderLayer(config, layer, impl) for layer in range(config.num_layers))
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=_SPREAD)

    def forward(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: HybridCache | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | None = None,
    ) -> tuple[Tensor, HybridCache | None]:
        """Logits of the next token at every position.

        Args:
            input_ids: int64 or int32 ``[B, T]``.
            attention_mask: bool ``[B, T]``, True for tokens, False for padding, which may lie anywhere.
            cu_seqlens: int32 ``[N + 1]`` for a packed batch (B = 1); excludes ``attention_mask``.
            position_ids: int ``[B, T]`` or ``[1, T]``; by default each sequence counts its tokens, going on from the cache.
            cache: What earlier calls left; updated and returned.
            use_cache: Make a cache where none is given; by default in evaluation mode.
            logits_to_keep: Make logits for so many last positions of the T alone.

        Returns:
            Logits ``[B, T, vocab_size]`` and the cache, None where there is none.

        Raises:
            ShapeError: shapes that do not fit, or another number of rows than the cache holds.
            ArgumentTypeError: tokens that are not integers, a mask that is not bool.
            ArgumentError: both ``attention_mask`` and ``cu_seqlens``; ``logits_to_keep`` below 1.
        """
        if cache is None and (use_cache or (use_cache is None and not self.training)):
            cache = HybridCache()
        where = {"attention_mask": attention_mask, "cu_seqlens": cu_seqlens, "position_ids": position_ids}
        hidden = self.hidden_states(input_ids, **where, cache=cache)
        if logits_to_keep is not None:
            if logits_to_keep < 1:
                raise bad_value(_OP, "logits_to_keep", "be positive", logits_to_keep, "Or leave it out")
            hidden = hidden[:, -logits_to_keep:]
        return self.logits(hidden), cache

    def hidden_states(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: HybridCache | None = None,
    ) -> Tensor:
        """Hidden states ``[B, T, d_model]`` behind the last norm, for losses that never build full logits.

        Such a loss takes them with the weight of the head: the logits are ``head.weight`` times ``logit_scale`` times these.
        Arguments and errors are those of :meth:`forward`.
        """
        try:
            check_call(
                _OP,
                input_ids,
                attention_mask,
                cu_seqlens,
                position_ids,
                cache,
                layer_idx=None,
                d_model=None,
                argument="input_ids",
            )
            if input_ids.dtype not in (torch.int32, torch.int64):
                raise bad_type(_OP, "input_ids", "be int32 or int64", str(input_ids.dtype), "Pass token numbers")
        except ComposeKitError as error:
            return refuse(error, input_ids[..., None], self.head.weight[:, : self.config.d_model])
        where = {"attention_mask": attention_mask, "cu_seqlens": cu_seqlens, "position_ids": position_ids}
        x = self.embedding(input_ids) * self.config.embedding_scale
        for layer in self.layers:
            x = layer(x, **where, cache=cache)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits of hidden states, ``[..., d_model]`` to ``[..., vocab_size]``."""
        return self.head(hidden) * self.config.logit_scale

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        *,
        max_new_tokens: int,
        attention_mask: Tensor | None = None,
        cache: HybridCache | None = None,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        eos_token_id: int | None = None,
        pad_token_id: int = 0,
        prefill_chunk: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Continue prompts token by token, in whatever mode the model is.

        Args:
            input_ids: Prompts ``[B, T]``, T at least 1.
            max_new_tokens: How many tokens to add at most.
            attention_mask: bool ``[B, T]``, True for tokens, False for padding, anywhere; no row is all padding.
            cache: What earlier calls left, for prompts that go on from there; updated. It has not seen the last new token.
            temperature: 0 takes the likeliest token, else logits are divided by it and a token is drawn.
            top_k: Draw from so many likeliest tokens.
            top_p: Draw from the fewest likeliest tokens that hold this share of the probability.
            eos_token_id: A row that has made this token is finished; when all are, generation ends.
            pad_token_id: What finished rows are filled up with.
            prefill_chunk: Read prompts in pieces of so many tokens, which bounds memory.
            generator: Random numbers; torch's own by default.

        Returns:
            Prompts and what follows, ``[B, T + new]``.

        Raises:
            ShapeError: shapes that do not fit, prompts without tokens.
            ArgumentTypeError: tokens that are not integers, a mask that is not bool.
            ArgumentError: numbers out of range; a row whose mask has no token.

        Example:
            >>> import torch
            >>> from composekit.attention import HybridConfig, HybridDecoder
            >>> model = HybridDecoder(HybridConfig(d_model=32, num_layers=2, num_heads=2, vocab_size=100))
            >>> prompt = torch.randint(100, (1, 5))
            >>> draw = lambda: model.generate(prompt, max_new_tokens=4, temperature=1.0,
            ...     generator=torch.Generator().manual_seed(1))
            >>> torch.equal(draw(), draw())
            True
        """
        check_sampling(input_ids, attention_mask, max_new_tokens, temperature, top_k, top_p, prefill_chunk)
        cache = HybridCache() if cache is None else cache
        logits = self._prefill(input_ids, attention_mask, cache, prefill_chunk or input_ids.shape[1])
        tokens, going = [input_ids], torch.ones(input_ids.shape[0], 1, dtype=torch.bool, device=input_ids.device)
        for step in range(max_new_tokens):
            new = sample(logits, temperature, top_k, top_p, generator).to(input_ids.dtype)
            tokens.append(torch.where(going, new, pad_token_id))
            if eos_token_id is not None:
                going = going & (new != eos_token_id)
                if not going.any():
                    break
            if step + 1 < max_new_tokens:
                mask = None if eos_token_id is None else going
                logits = self.logits(self.hidden_states(tokens[-1], attention_mask=mask, cache=cache)[:, -1])
        return torch.cat(tokens, dim=1)

    def _prefill(self, input_ids: Tensor, mask: Tensor | None, cache: HybridCache, size: int) -> Tensor:
        """Read the prompts; logits behind the last token of every row, ``[B, vocab_size]``."""
        last = self.embedding.weight.new_zeros(input_ids.shape[0], self.config.d_model)
        for low in range(0, input_ids.shape[1], size):
            part = None if mask is None else mask[:, low : low + size]
            hidden = self.hidden_states(input_ids[:, low : low + size], attention_mask=part, cache=cache)
            if part is None:
                last = hidden[:, -1]
                continue
            place = (part * torch.arange(part.shape[1], device=part.device)).argmax(1)
            mine = hidden.gather(1, place[:, None, None].expand(-1, 1, hidden.shape[2]))[:, 0]
            last = torch.where(part.any(1, keepdim=True), mine, last)
        return self.logits(last)
