"""torch.compile and torch.library: whole graphs, from a cold process too, any length, no recompilation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from composekit.attention import decode, lightning_attention
from composekit.testing import assert_close

ROOT = Path(__file__).resolve().parents[2]

COLD = """
import torch
from composekit.attention import alibi_slopes, lightning_attention
q, k, v = (torch.randn(1, 70, 2, 8, requires_grad=True) for _ in range(3))
slopes = alibi_slopes(2).requires_grad_()
call = lambda q, k, v, s: lightning_attention(q, k, v, s, output_final_state=True)
def run(f):
    out, state = f(q, k, v, slopes)
    return [out, state, *torch.autograd.grad(out.square().sum() + state.sum(), (q, k, v, slopes))]
compiled = run(torch.compile(call, fullgraph=True, backend="BACKEND"))
for a, b in zip(compiled, run(call)):
    torch.testing.assert_close(a, b)
print("agree")
"""


def cold(backend: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COLD.replace("BACKEND", backend)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_compiles_whole_as_the_first_call_of_a_process() -> None:
    assert cold("aot_eager") == "agree"


@pytest.mark.slow
def test_compiles_whole_with_inductor() -> None:
    assert cold("inductor") == "agree"


@pytest.mark.parametrize("packed", [False, True])
def test_any_length_runs_in_one_graph(packed) -> None:
    torch._dynamo.reset()
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph

    def call(q, k, v, slopes, cu):
        return lightning_attention(q, k, v, slopes, cu_seqlens=cu, output_final_state=True)

    compiled = torch.compile(call, fullgraph=True, backend=count, dynamic=True)
    slopes = torch.rand(2)
    for length in (5, 40, 129):
        q, k, v = (torch.randn(1, length, 2, 8) for _ in range(3))
        cu = torch.tensor([0, 3, length], dtype=torch.int32) if packed else None
        assert_close(compiled(q, k, v, slopes, cu), call(q, k, v, slopes, cu))
    assert len(graphs) == 1


@pytest.mark.parametrize("option", ["plain", "packed", "no gradient to slopes"])
def test_opcheck(option) -> None:
    inputs = [torch.randn(1, 11, 2, 4, requires_grad=True) for _ in range(3)]
    slopes = torch.rand(2, requires_grad=option != "no gradient to slopes")
    cu = torch.tensor([0, 2, 2, 11], dtype=torch.int32) if option == "packed" else None
    state = torch.randn(3 if option == "packed" else 1, 2, 4, 4, requires_grad=option != "plain")
    arguments = (*inputs, slopes, cu, state, 0.3, option != "plain", 4, "auto")
    torch.library.opcheck(torch.ops.composekit.lightning.default, arguments)
    dout = torch.randn(1, 11, 2, 4)
    detached = [x.detach() if isinstance(x, torch.Tensor) else x for x in arguments[:7]]
    need = option == "plain"
    torch.library.opcheck(
        torch.ops.composekit.lightning_backward.default,
        (dout, state.detach().clone(), *detached, 4, "auto", need),
    )


def test_opcheck_of_the_decoding_step() -> None:
    q, k, v = (torch.randn(2, 1, 2, 4) for _ in range(3))
    torch.library.opcheck(decode.lightning_decode, (q, k, v, torch.rand(2), torch.randn(2, 2, 4, 4), 0.5, "auto"))
