from __future__ import annotations

import subprocess
import sys

import pytest
import torch

import composekit_kernels
from composekit._dispatch import choose, describe
from composekit._errors import ImplementationError
from composekit_kernels.dispatch import Call, Capability, explain, resolve

CALL = Call(device="cpu", dtype="float32", sizes={"D": 64}, features=frozenset({"cu_seqlens"}))


def portable_chunked() -> str:
    return "chunked"


def portable_reference() -> str:
    return "reference"


PORTABLE = {"chunked": portable_chunked, "reference": portable_reference}


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with one operation, whose implementations are harmless functions of the standard library."""
    monkeypatch.setattr(composekit_kernels, "IMPLS", {"op": {"cuda": "math:sqrt", "triton": "math:floor"}})
    features = frozenset({"cu_seqlens"})
    monkeypatch.setattr(
        composekit_kernels,
        "CAPABILITIES",
        {
            ("op", "cuda"): Capability(devices=("cuda",), dtypes=("float32",), min_arch=90, features=features),
            ("op", "triton"): Capability(
                devices=("cuda", "cpu"), dtypes=("float32",), sizes={"D": (16, 128)}, features=features
            ),
        },
    )


@pytest.mark.usefixtures("rows")
def test_auto_takes_the_first_that_accepts_the_call() -> None:
    assert resolve("op", CALL)[0] == "triton"
    assert resolve("op", Call(device="cuda", dtype="float32", arch=90))[0] == "cuda"
    assert resolve("op", Call(device="cuda", dtype="float32", arch=80))[0] == "triton"
    assert choose("op", "auto", CALL, PORTABLE)[0] == "triton"


@pytest.mark.usefixtures("rows")
def test_auto_falls_back_to_the_first_portable_path() -> None:
    call = Call(device="cpu", dtype="float64")
    assert resolve("op", call) is None
    assert choose("op", "auto", call, PORTABLE)[1]() == "chunked"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (Call(device="mps", dtype="float32"), "runs on cuda or cpu, not on mps"),
        (Call(device="cpu", dtype="float64"), "takes float32, not float64"),
        (Call(device="cpu", dtype="float32", sizes={"D": 256}), "takes D from 16 to 128, not 256"),
        (Call(device="cpu", dtype="float32", features=frozenset({"bias"})), "does not support bias"),
    ],
    ids=["device", "dtype", "size", "feature"],
)
def test_an_explicit_choice_never_falls_back_and_says_why(call: Call, reason: str) -> None:
    assert explain("op", call)["triton"] == reason
    with pytest.raises(ImplementationError, match=reason):
        choose("op", "triton", call, PORTABLE)


@pytest.mark.usefixtures("rows")
def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ImplementationError, match="one of auto, chunked, reference, cuda, triton; got 'fast'"):
        choose("op", "fast", CALL, PORTABLE)


def test_a_missing_package_is_the_reason() -> None:
    can = Capability(devices=("cpu",), dtypes=("float32",), modules=("no_such_package",))
    assert "no_such_package" in can.refusal(CALL)


def test_every_row_of_the_table_has_a_capability_and_a_function() -> None:
    keys = {(op, impl) for op, row in composekit_kernels.IMPLS.items() for impl in row}
    assert keys == set(composekit_kernels.CAPABILITIES)


@pytest.fixture
def interpretable(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation whose one kernel runs on CUDA, or in the interpreter."""
    monkeypatch.setattr(composekit_kernels, "IMPLS", {"op": {"triton": "math:floor"}})
    row = Capability(devices=("cuda",), dtypes=("float32",), interpretable=True, multiples={"D": 16})
    monkeypatch.setattr(composekit_kernels, "CAPABILITIES", {("op", "triton"): row})


@pytest.mark.usefixtures("interpretable")
def test_the_interpreter_is_taken_only_when_it_is_on_and_the_kernel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(device="cpu", dtype="float32")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ImplementationError, match=r"runs on cuda, not on cpu .*TRITON_INTERPRET=1"):
        choose("op", "triton", call, PORTABLE)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert choose("op", "triton", call, PORTABLE)[0] == "triton"
    assert choose("op", "auto", call, PORTABLE)[0] == "chunked"
    assert resolve("op", Call(device="mps", dtype="float32"), "triton") is None
    assert explain("op", call, named=True) == {"triton": "can run"}
    assert "not on cpu" in explain("op", call)["triton"]


@pytest.mark.usefixtures("interpretable")
def test_rocm_is_not_cuda_and_sizes_keep_to_their_multiples() -> None:
    assert explain("op", Call(device="rocm", dtype="float32"))["triton"] == "runs on cuda, not on rocm"
    odd = Call(device="cuda", dtype="float32", sizes={"D": 40})
    assert explain("op", odd)["triton"] == "takes D in multiples of 16, not 40"


def test_describe_reads_the_tensor_and_nothing_else() -> None:
    call = describe(torch.zeros(2, 3, dtype=torch.bfloat16), features={"bias"}, D=3)
    assert call == Call("cpu", "bfloat16", 0, {"D": 3}, frozenset({"bias"}))
    assert describe(torch.zeros(1, device="meta")).device == "meta"


@pytest.mark.usefixtures("rows")
@pytest.mark.filterwarnings("error")
def test_the_choice_is_made_at_trace_time_without_a_graph_break() -> None:
    portable = {"chunked": torch.sin, "reference": torch.cos}

    def run(x: torch.Tensor, impl: str) -> torch.Tensor:
        call = describe(x, features=("cu_seqlens",), D=8)  # the kernels take D from 16
        return choose("op", impl, call, portable)[1](x)

    compiled = torch.compile(run, fullgraph=True, backend="eager", dynamic=True)
    x = torch.randn(3, 5)
    assert torch.equal(compiled(x, "auto"), x.sin())
    assert torch.equal(compiled(x, "reference"), x.cos())
    assert torch.equal(compiled(torch.ones(7, 5), "auto"), torch.ones(7, 5).sin())


def test_every_entry_point_of_the_table_can_be_loaded_without_triton() -> None:
    code = (
        "import sys; sys.modules['triton'] = None\n"
        "from composekit_kernels import IMPLS\n"
        "from composekit_kernels.dispatch import LOADED, load\n"
        "for row in IMPLS.values():\n"
        "    for entry in row.values():\n"
        "        assert load(entry) and callable(LOADED[entry]), entry\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
