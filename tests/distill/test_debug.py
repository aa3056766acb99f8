"""Inside composekit.debug() data is checked where nothing looks at it otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import composekit
from composekit import ComposeKitError
from composekit.distill import (
    ExOPDLoss,
    LinearHead,
    Teachers,
    _checks,
    gopd_advantages,
    gopd_loss,
    jsd,
    linear_forward_kl,
    linear_gopd_loss,
    selected_logp,
)

NAN = torch.full((1, 2, 5), torch.nan)
GOOD = torch.randn(1, 2, 5)
TOKENS = torch.tensor([[0, 5]])
EYE = torch.eye(5)
MASK = torch.tensor([[True, False]])


def heads(*logits: torch.Tensor) -> list[LinearHead]:
    return [LinearHead(x, EYE) for x in logits]


HALF = torch.stack([GOOD[0, 0], NAN[0, 0]])[None]  # NaN at the position that MASK leaves out
CASES: dict[str, tuple[Callable[[str], object], str]] = {
    "logits": (lambda impl: gopd_loss(GOOD, NAN, GOOD, impl=impl), "gopd_loss: teacher_logits must hold"),
    "heads": (lambda impl: linear_gopd_loss(*heads(GOOD, GOOD, NAN), impl=impl), "loss: reference must hold"),
    "module": (lambda impl: ExOPDLoss(impl=impl)(*heads(NAN, GOOD, GOOD)), "ExOPDLoss: student must hold"),
    "jsd": (lambda impl: jsd(GOOD, NAN, impl=impl), "jsd: teacher_logits must hold"),
    "forward": (lambda impl: linear_forward_kl(*heads(NAN, GOOD), impl=impl), "forward_kl: student must hold"),
    "selected": (lambda impl: selected_logp(NAN, TOKENS * 0, impl=impl), "selected_logp: head_or_logits must hold"),
}
PORTABLE = {
    "range": (lambda impl: selected_logp(GOOD, TOKENS, impl=impl), r"tokens must lie in \[0, 5\); got 5"),
    "route": (lambda _: gopd_loss(GOOD, Teachers([GOOD], route=TOKENS[:, 1]), GOOD), r"route must lie in \[0, 1\)"),
    "scale": (lambda _: gopd_loss(GOOD, GOOD, GOOD, reward_scale=-torch.ones(1)), "reward_scale must hold finite"),
    "logp": (lambda _: gopd_advantages(NAN[..., 0], GOOD[..., 0], reward_scale=1.0), "student_logp must hold"),
}


@pytest.mark.parametrize("case", [*CASES, *PORTABLE])
@pytest.mark.parametrize("impl", ["chunked", "reference"])
def test_a_device_that_nothing_waits_for_is_looked_at_in_debug_alone(
    case: str, impl: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_checks, "on_host", lambda x: False)
    run, text = (CASES | PORTABLE)[case]
    if case != "range":  # an index out of range stops torch itself, as it would on a GPU
        run(impl)
    with composekit.debug():
        with composekit.debug():
            pass
        with pytest.raises(ComposeKitError, match=text):
            run(impl)
    if case != "range":
        run(impl)


@pytest.mark.interpret
@pytest.mark.parametrize("case", CASES)
def test_kernels_are_looked_at_in_debug(case: str) -> None:
    run, text = CASES[case]
    run("triton")
    with composekit.debug(), pytest.raises(ComposeKitError, match=text):
        run("triton")


@pytest.mark.interpret
def test_masked_rows_and_unused_models_are_not_looked_at() -> None:
    with composekit.debug():
        assert ExOPDLoss(impl="triton")(*heads(HALF, HALF, HALF), mask=MASK).loss.isfinite()
        assert ExOPDLoss(impl="triton")(HALF, HALF, HALF, mask=MASK).loss.isfinite()
        scale = torch.tensor([0.0])
        assert gopd_loss(GOOD, NAN, GOOD, reward_scale=scale, impl="triton").isfinite().all()


def test_an_error_inside_closes_it() -> None:
    with pytest.raises(ZeroDivisionError), composekit.debug():
        raise ZeroDivisionError
    assert not _checks.debugging()
