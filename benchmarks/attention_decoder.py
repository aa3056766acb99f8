"""A whole decoder of eight layers, two of them sparse, against the same decoder with dense attention in every layer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmarks.attention_sparse import cpu_seconds, dense
from benchmarks.harness import Context, Row, case
from composekit.attention import HybridCache, HybridConfig, HybridDecoder
from composekit.testing import assert_close

LENGTHS = (8192, 32768)
CONFIG = HybridConfig(
    d_model=1024, num_layers=8, num_heads=8, num_kv_heads=2, head_dim=128, linear_kv_heads=8, vocab_size=1024
)


class Dense(nn.Module):
    """A sparse layer's weights around dense causal attention."""

    def __init__(self, layer_idx: int) -> None:
        super().__init__()
        model = HybridDecoder(CONFIG)
        self.weights = model.layers[0].attention.mixer
        self.weights.layer_idx = layer_idx

    def forward(self, x: Tensor, **where: object) -> Tensor:
        q, k, v = self.weights._project(x, None, None, None)
        return self.weights._finish(x, dense(q, k, v).transpose(1, 2))


def decoder(*, hybrid: bool) -> HybridDecoder:
    """The model in bfloat16, with random weights; the dense one shares nothing with it but its shape."""
    torch.manual_seed(0)
    model = HybridDecoder(CONFIG)
    if not hybrid:
        for i, layer in enumerate(model.layers):
            layer.attention.mixer = Dense(i)
    return model.bfloat16().eval()


def check() -> None:
    """Where all is still dense, a sparse layer and the dense one in its place agree."""
    torch.manual_seed(0)
    rival = Dense(0)
    x = torch.randn(1, 300, CONFIG.d_model)
    exact = rival.double()(x.double())
    assert_close(rival.weights(x.double()), exact, rtol=1e-9)


@case("attention_decoder", "prefill")
@torch.no_grad()
def prefill(ctx: Context) -> Iterator[Row]:
    """CPU seconds of reading a prompt, the logits of its last token included."""
    check()
    models = {True: decoder(hybrid=True), False: decoder(hybrid=False)}
    for length in (1024,) if ctx.quick else LENGTHS:
        ids = torch.randint(CONFIG.vocab_size, (1, length), generator=torch.Generator().manual_seed(1))
        took = {
            hybrid: cpu_seconds(lambda: model(ids, use_cache=False, logits_to_keep=1), 1)  # noqa: B023
            for hybrid, model in models.items()
        }
        yield {
            "T": length,
            "layers": CONFIG.num_layers,
            "sparse_layers": 2,
            "d_model": CONFIG.d_model,
            "dtype": "bfloat16",
            "threads": 1,
            "hybrid_s": took[True],
            "dense_s": took[False],
            "speedup": took[False] / took[True],
        }


@case("attention_decoder", "decode")
@torch.no_grad()
def decode(ctx: Context) -> Iterator[Row]:
    """Seconds of one more token behind a prompt, and what is remembered, against keys and values of every layer."""
    model = decoder(hybrid=True)
    for length in (1024,) if ctx.quick else LENGTHS:
        cache = HybridCache(max_length=length + 64)
        ids = torch.randint(CONFIG.vocab_size, (1, length), generator=torch.Generator().manual_seed(1))
        for piece in ids.split(4096, 1):
            model(piece, cache=cache, logits_to_keep=1)
        took = []
        for _ in range(20):
            start = time.process_time()
            model(ids[:, :1], cache=cache)
            took.append(time.process_time() - start)
        everywhere = CONFIG.num_layers * (length + 64) * 2 * 2 * 128 * 2
        yield {
            "T": length,
            "dtype": "bfloat16",
            "step_ms": 1e3 * sorted(took)[len(took) // 2],
            "cache_mib": cache.nbytes / 2**20,
            "dense_cache_mib": everywhere / 2**20,
        }
