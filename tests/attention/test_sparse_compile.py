"""torch.compile and torch.library: whole graphs, from a cold process too, any length in one graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from composekit.attention import _sparse_op, block_sparse_attention, compress_keys, select_blocks, sparse_attention
from composekit.testing import assert_close

from .sparse_forms import draw, small

ROOT = Path(__file__).resolve().parents[2]

COLD = """
import torch
from composekit.attention import SparseConfig, sparse_attention
sizes = dict(block_size=8, kernel_size=4, stride=2, lse_kernel_size=8, lse_stride=4, window_size=16)
config = SparseConfig(**sizes, topk=4, dense_len=30)
q, k, v = (torch.randn(1, 70, heads, 8, requires_grad=True) for heads in (4, 2, 2))
call = lambda q, k, v: sparse_attention(q, k, v, config)
def run(f):
    out, lse = f(q, k, v)
    return [out, lse, *torch.autograd.grad(out.square().sum() + lse.sum(), (q, k, v))]
compiled = run(torch.compile(call, fullgraph=True, backend="BACKEND"))
for a, b in zip(compiled, run(call)):
    torch.testing.assert_close(a, b)
print("agree")
"""


def cold(backend: str) -> str:
    command = [sys.executable, "-c", COLD.replace("BACKEND", backend)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_compiles_whole_as_the_first_call_of_a_process() -> None:
    assert cold("aot_eager") == "agree"


@pytest.mark.slow
def test_compiles_whole_with_inductor() -> None:
    assert cold("inductor") == "agree"


def everything(q, k, v, cu, q_start):
    """All that one graph can hold."""
    config = small()
    options = {"cu_seqlens": cu, "q_start": q_start}
    chosen = select_blocks(q, k, config, **options)
    found = [*chosen, *block_sparse_attention(q, k, v, chosen.indices, block_size=8, **options)]
    if cu is None:
        pair = compress_keys(k, kernel_size=4, stride=2), compress_keys(k, kernel_size=8, stride=4)
        return [*found, *sparse_attention(q, k, v, config, compressed=pair, **options)]
    return [*found, *sparse_attention(q, k, v, config, **options)]


@pytest.mark.parametrize("kind", ["dense", "packed", "continued", "ragged"])
def test_any_length_runs_in_one_graph(kind) -> None:
    torch._dynamo.reset()
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph

    compiled = torch.compile(everything, fullgraph=True, backend=count, dynamic=True)
    for length in (13, 40, 67):
        past = length + 5 if kind in ("continued", "ragged") else 0
        batch = 2 if kind == "ragged" else 1
        q, k, v = draw(length, keys=length + past, batch=batch, dtype=torch.float32)
        cu = torch.tensor([0, 3, length], dtype=torch.int32) if kind == "packed" else None
        start = torch.tensor([2, past], dtype=torch.int32) if kind == "ragged" else past
        assert_close(compiled(q, k, v, cu, start), everything(q, k, v, cu, start))
    assert len(graphs) == 1


@pytest.mark.parametrize("kind", ["dense", "packed", "ragged"])
def test_opcheck(kind) -> None:
    length, batch = 21, 2 if kind == "ragged" else 1
    q, k, v = (x.float().requires_grad_() for x in draw(length, batch=batch, keys=30 if kind == "ragged" else length))
    cu = torch.tensor([0, 2, 2, 21], dtype=torch.int32) if kind == "packed" else None
    starts = torch.tensor([0, 9], dtype=torch.int32) if kind == "ragged" else None
    settings = _sparse_op.flat(small(), dense_len=10)
    selecting = (q.detach(), k.detach(), None, None, cu, 0, starts, *settings, 0.3, "auto")
    torch.library.opcheck(torch.ops.composekit.select_blocks.default, selecting)
    if cu is None:
        pair = compress_keys(k, kernel_size=4, stride=2), compress_keys(k, kernel_size=8, stride=4)
        selecting = (*selecting[:2], *(x.detach() for x in pair), *selecting[4:])
        torch.library.opcheck(torch.ops.composekit.select_blocks.default, selecting)
    indices = torch.ops.composekit.select_blocks(*selecting)[0]
    options = (cu, 0, starts, 8, 1, 0.3, 10, "query", "auto")
    torch.library.opcheck(torch.ops.composekit.block_sparse_attention.default, (q, k, v, indices, *options))
    plain = [x.detach() for x in (q, k, v)]
    out, lse = torch.ops.composekit.block_sparse_attention(*plain, indices, *options)
    backward = (torch.randn_like(out), torch.randn_like(lse), *plain, indices, out, lse, *options)
    torch.library.opcheck(torch.ops.composekit.block_sparse_attention_backward.default, backward)
    strided = [x.transpose(1, 2).contiguous().transpose(1, 2).requires_grad_() for x in plain]
    torch.library.opcheck(torch.ops.composekit.block_sparse_attention.default, (*strided, indices, *options))
