"""Taps see what transformers would return, change nothing, and leave nothing behind."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from composekit import ComposeKitError
from composekit.bridge import ChannelBridge, HiddenStateTap
from composekit.bridge import taps as taps_module

LAYERS = (4, 2, 0, 1)
MODES = ("auto", "native", "hook")


def ids(batch: int = 2, length: int = 7, seed: int = 0) -> Tensor:
    return torch.randint(0, 90, (batch, length), generator=torch.Generator().manual_seed(seed))


def everything(model: nn.Module, **inputs: Any) -> tuple[Tensor, ...]:
    return model(**inputs, output_hidden_states=True, use_cache=False).hidden_states


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("mode", MODES)
def test_each_tap_is_transformers_own_hidden_state(reader: nn.Module, mode: str) -> None:
    want = everything(reader, input_ids=ids())
    with HiddenStateTap(reader, LAYERS, mode) as tap:
        reader(input_ids=ids())
    assert len(tap.states) == len(LAYERS)
    for k, state in zip(LAYERS, tap.states, strict=True):
        assert torch.equal(state, want[k])
    with HiddenStateTap(reader, (-1, -5, -3, 2, 2), mode) as tap:
        reader(input_ids=ids())
    for k, state in zip((4, 0, 2, 2, 2), tap.states, strict=True):
        assert torch.equal(state, want[k])


@pytest.mark.parametrize("mode", MODES)
def test_the_models_own_output_is_what_it_was(reader: nn.Module, mode: str) -> None:
    plain = reader(input_ids=ids())
    with HiddenStateTap(reader, LAYERS, mode):
        tapped = reader(input_ids=ids())
        some = reader(input_ids=ids(), output_hidden_states=True)
        as_tuple = reader(input_ids=ids(), return_dict=False)
        decoder = reader.get_decoder()(input_ids=ids(), return_dict=False)
    assert list(tapped.keys()) == list(plain.keys())
    assert tapped.hidden_states is None
    assert torch.equal(tapped.logits, plain.logits)
    assert len(some.hidden_states) == 5
    assert all(h is not None for h in some.hidden_states)
    assert isinstance(as_tuple, tuple)
    assert torch.equal(as_tuple[0], plain.logits)
    assert isinstance(decoder, tuple)


def test_a_selection_of_the_caller_stays_his(llama_reader: nn.Module) -> None:
    want = everything(llama_reader, input_ids=ids())
    with HiddenStateTap(llama_reader, (1,), "native") as tap:
        output = llama_reader(input_ids=ids(), output_hidden_states=[3])
    assert [h is None for h in output.hidden_states] == [True, True, True, False, True]
    assert torch.equal(output.hidden_states[3], want[3])
    assert torch.equal(tap.states[0], want[1])


def test_only_the_chosen_states_are_kept(llama_reader: nn.Module) -> None:
    """Native mode must not let the model build all of its states."""
    seen = []
    decoder = llama_reader.get_decoder()
    with HiddenStateTap(llama_reader, (2,), "native"):
        handle = decoder.register_forward_pre_hook(
            lambda m, args, kwargs: seen.append(kwargs["output_hidden_states"]), with_kwargs=True
        )
        llama_reader(input_ids=ids())
        handle.remove()
    assert seen == [[2]]


def test_without_native_selection_hooks_take_over(llama_reader: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps_module, "selects_natively", lambda: False)
    tap = HiddenStateTap(llama_reader, (1,))
    assert tap.mode == "hook"
    with pytest.raises(ValueError, match="mode must be 'hook'"):
        HiddenStateTap(llama_reader, (1,), "native")


@pytest.mark.parametrize("mode", MODES)
def test_hooks_go_on_exit_and_on_exceptions(llama_reader: nn.Module, mode: str) -> None:
    before = hooks(llama_reader)
    forwards = [layer.__dict__.get("forward") for layer in llama_reader.model.layers]
    with HiddenStateTap(llama_reader, (1,), mode, stop_early=True) as tap:
        llama_reader(input_ids=ids())
        first = tap.states[0]
    native_hooks = hooks(llama_reader)  # transformers keeps its own, once installed

    class Boom(Exception):
        pass

    def boom(*args: Any) -> None:
        raise Boom

    handle = llama_reader.model.layers[0].register_forward_hook(boom)
    with pytest.raises(Boom), HiddenStateTap(llama_reader, (1,), mode, stop_early=True) as broken:
        llama_reader(input_ids=ids())
    handle.remove()
    assert hooks(llama_reader) == native_hooks
    assert native_hooks == before or mode != "hook"
    assert [layer.__dict__.get("forward") for layer in llama_reader.model.layers] == forwards
    with pytest.raises(ValueError, match="states must be read after a forward pass"):
        broken.states  # noqa: B018
    # and the next tap is not disturbed by the broken pass
    with HiddenStateTap(llama_reader, (1,), mode) as tap:
        llama_reader(input_ids=ids())
    assert torch.equal(tap.states[0], first)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_retained(make_reader: Callable[[str], nn.Module], mode: str) -> None:
    model = make_reader("llama").requires_grad_(False)
    with HiddenStateTap(model, (1, 3), mode) as tap:
        model(input_ids=ids())
    state, closed = weakref.ref(tap.states[0]), weakref.ref(tap)
    del tap
    gc.collect()
    assert state() is None
    assert closed() is None
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("inner", MODES)
@pytest.mark.parametrize("outer", MODES)
def test_taps_nest(llama_reader: nn.Module, outer: str, inner: str) -> None:
    want = everything(llama_reader, input_ids=ids())
    again = everything(llama_reader, input_ids=ids(seed=1))
    with HiddenStateTap(llama_reader, (3, 1), outer) as a:
        with HiddenStateTap(llama_reader, (2,), inner, stop_early=True) as b:
            llama_reader(input_ids=ids())
        assert torch.equal(b.states[0], want[2])
        assert torch.equal(a.states[0], want[3])  # the outer tap still needed the layers that the inner one did not
        llama_reader(input_ids=ids(seed=1))
    assert torch.equal(a.states[0], again[3])
    assert torch.equal(b.states[0], want[2])


@pytest.mark.parametrize("mode", MODES)
def test_taps_that_close_out_of_order(llama_reader: nn.Module, mode: str) -> None:
    before = hooks(llama_reader)
    a, b = HiddenStateTap(llama_reader, (1,), mode, stop_early=True), HiddenStateTap(llama_reader, (2,), mode)
    want = everything(llama_reader, input_ids=ids())
    before = hooks(llama_reader)
    a.__enter__()
    b.__enter__()
    a.__exit__(None, None, None)
    llama_reader(input_ids=ids())
    b.__exit__(None, None, None)
    assert torch.equal(b.states[0], want[2])
    assert hooks(llama_reader) == before
    assert all("forward" not in layer.__dict__ for layer in llama_reader.model.layers)


@pytest.mark.parametrize("mode", MODES)
def test_threads_see_their_own_states(llama_reader: nn.Module, mode: str) -> None:
    jobs = 4
    want = [everything(llama_reader, input_ids=ids(seed=i)) for i in range(jobs)]
    barrier, wrong = threading.Barrier(jobs, timeout=60), []

    def work(i: int) -> None:
        with HiddenStateTap(llama_reader, (3, i), mode, stop_early=i % 2 == 0) as tap:
            for _ in range(5):
                barrier.wait()
                with torch.no_grad():
                    llama_reader(input_ids=ids(seed=i), use_cache=False)
                if not all(torch.equal(s, want[i][k]) for s, k in zip(tap.states, (3, i), strict=True)):
                    wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong
    assert all("forward" not in layer.__dict__ for layer in llama_reader.model.layers)


def test_another_thread_is_not_tapped(llama_reader: nn.Module) -> None:
    with HiddenStateTap(llama_reader, (1,), stop_early=True) as tap:
        box: list[Tensor] = []
        thread = threading.Thread(target=lambda: box.append(llama_reader(input_ids=ids()).logits))
        thread.start()
        thread.join(60)
        with pytest.raises(ValueError, match="states"):
            tap.states  # noqa: B018
    assert torch.equal(box[0], llama_reader(input_ids=ids()).logits)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_leaves_the_first_write(
    make_reader: Callable[[str], nn.Module], mode: str, reentrant: bool
) -> None:
    model = make_reader("llama").double()
    embeds = model.get_input_embeddings()(ids()).detach().requires_grad_()

    def run() -> tuple[tuple[Tensor, ...], Tensor, int]:
        calls = []
        with HiddenStateTap(model, LAYERS, mode) as tap:
            original = tap.finish
            tap.finish = lambda *args: (calls.append(1), original(*args))  # type: ignore[method-assign]
            model(inputs_embeds=embeds, use_cache=False)
            states = tap.states
            embeds.grad = None
            sum(s.square().sum() for s in states).backward()  # reentrant checkpointing knows no autograd.grad
            assert all(a is b for a, b in zip(tap.states, states, strict=True))  # backward wrote nothing
        return states, embeds.grad, len(calls)

    model.train()
    want, grad, _ = run()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
    got, again, calls = run()
    assert calls == 1
    for a, b in zip(got, want, strict=True):
        assert torch.equal(a, b)
    torch.testing.assert_close(again, grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_stop_early_leaves_out_the_layers_above(reader: nn.Module, mode: str) -> None:
    want = everything(reader, input_ids=ids())
    ran: list[int] = []
    layers = taps_module.decoder_layers("test", reader.get_decoder())
    handles = [layer.mlp.register_forward_hook(lambda *a, i=i: ran.append(i)) for i, layer in enumerate(layers)]
    with HiddenStateTap(reader, (2, 1), mode, stop_early=True) as tap:
        reader(input_ids=ids())
    assert ran == [0, 1]
    assert torch.equal(tap.states[0], want[2])
    ran.clear()
    with HiddenStateTap(reader, (4, 1), mode, stop_early=True) as tap:  # the final norm needs all layers
        reader(input_ids=ids())
    assert ran == [0, 1, 2, 3]
    assert torch.equal(tap.states[0], want[4])
    ran.clear()
    with HiddenStateTap(reader, (0,), mode, stop_early=True) as tap:
        reader(input_ids=ids())
    assert ran == []
    assert torch.equal(tap.states[0], want[0])
    for handle in handles:
        handle.remove()


def test_stop_early_refuses_to_leave_holes_in_a_cache(llama_reader: nn.Module) -> None:
    with HiddenStateTap(llama_reader, (1,), stop_early=True):
        with pytest.raises(ValueError, match="stop_early must be off where a cache"):
            llama_reader(input_ids=ids(), use_cache=True)
        assert llama_reader(input_ids=ids()).past_key_values is None


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("norm", ["none", "layer_rms", "joint_ln"])
def test_stream_is_the_bridge_of_the_states(reader: nn.Module, norm: str, grad: bool) -> None:
    bridge = ChannelBridge(len(LAYERS), 32, 6, norm=norm, layout="channel_major").double()
    for p in bridge.parameters():
        nn.init.normal_(p)
    embeds = reader.get_input_embeddings()(ids()).detach().requires_grad_(grad)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 5:] = False
    with torch.set_grad_enabled(grad):
        with HiddenStateTap(reader, LAYERS, "hook") as tap:
            reader(inputs_embeds=embeds, use_cache=False)
        want = bridge(tap.states, mask=mask)
        with HiddenStateTap(reader, LAYERS, "stream", bridge=bridge, mask=mask) as stream:
            reader(inputs_embeds=embeds, use_cache=False)
    torch.testing.assert_close(stream.output, want, rtol=1e-11, atol=1e-11)
    with pytest.raises(ValueError, match="states"):
        stream.states  # noqa: B018
    with pytest.raises(ValueError, match="output"):
        tap.output  # noqa: B018
    if grad:
        leaves = [embeds, *bridge.parameters()]
        wanted = torch.autograd.grad(want.square().sum(), leaves)
        for got, expected in zip(torch.autograd.grad(stream.output.square().sum(), leaves), wanted, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def test_stream_under_reentrant_checkpointing(make_reader: Callable[[str], nn.Module]) -> None:
    model = make_reader("llama").double().train().requires_grad_(False)
    bridge = ChannelBridge(2, 32, 6).double()
    embeds = model.get_input_embeddings()(ids()).detach().requires_grad_()
    grads = []
    for kwargs in (None, {"use_reentrant": True}, {"use_reentrant": False}):
        if kwargs is not None:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=kwargs)
        with HiddenStateTap(model, (3, 1), "stream", bridge=bridge) as tap:
            model(inputs_embeds=embeds, use_cache=False)
            leaves = [embeds, *bridge.parameters()]
            for leaf in leaves:
                leaf.grad = None
            tap.output.square().sum().backward()
            grads.append([leaf.grad for leaf in leaves])
    for other in grads[1:]:
        for a, b in zip(other, grads[0], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", ["none", "layer_rms", "joint_ln"])
def test_stream_is_flat_in_the_number_of_layers(llama_reader: nn.Module, norm: str) -> None:
    """Between two layers the stream holds its accumulator and a few numbers a row, and no state."""
    for layers in ((4,), (4, 3, 2, 1)):
        bridge = ChannelBridge(len(layers), 32, 6, norm=norm).double()
        with torch.no_grad(), HiddenStateTap(llama_reader, layers, "stream", bridge=bridge) as tap:
            alive: list[int] = []

            def weigh(*args: Any, tap: HiddenStateTap = tap, alive: list[int] = alive) -> None:
                assert not tap._captured
                running = tap._stream and tap._stream.running
                if running:
                    kept = [running.sum, running.mean, running.m2, *running.scales]
                    alive.append(sum(t.numel() for t in kept))

            handle = llama_reader.get_decoder().norm.register_forward_hook(weigh)
            llama_reader(input_ids=ids())
            handle.remove()
        rows = 2 * 7
        if alive:  # the tap of the last state comes after the norm
            assert alive[0] <= rows * 6 + 2 * rows + rows * len(layers)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"layers": ()}, "layers must name at least one"),
    ({"layers": (5,)}, "layers must lie between -5 and 4"),
    ({"layers": (1, -6)}, "layers must lie between -5 and 4"),
    ({"layers": (1.0,)}, "layers must lie between"),
    ({"layers": (1,), "mode": "all"}, "mode must be one of"),
    ({"layers": (1,), "mode": "stream"}, "bridge must come with"),
    ({"layers": (1,), "bridge": ChannelBridge(1, 32, 2)}, "bridge must come with"),
    ({"layers": (1,), "mode": "stream", "bridge": ChannelBridge(2, 32, 2)}, "layers must be 2"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=lambda x: str(x)[:40])
def test_bad_input_is_named(llama_reader: nn.Module, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^HiddenStateTap: {text}") as caught:
        HiddenStateTap(llama_reader, **arguments)
    assert isinstance(caught.value, ComposeKitError)


def test_a_tap_opens_once_at_a_time(llama_reader: nn.Module) -> None:
    tap = HiddenStateTap(llama_reader, (1,))
    with tap, pytest.raises(ValueError, match="opened once"), tap:
        pass
    with tap:  # and again after it was closed
        llama_reader(input_ids=ids())
    assert tap.states[0].shape == (2, 7, 32)


@pytest.mark.parametrize("reentrant", [True, False])
def test_recomputation_that_runs_the_hooks_again_writes_nothing(reentrant: bool) -> None:
    """Older readers checkpoint a layer's call, hooks included; and a layer may be called twice in one pass."""
    from torch.utils.checkpoint import checkpoint

    class Looped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

        def forward(self, x: Tensor) -> tuple[Tensor]:
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=reentrant)
                block(x.detach())
            return (x,)

    model, x = Looped(), torch.randn(3, 4, requires_grad=True)
    runs: list[int] = []
    model.blocks[0].register_forward_hook(lambda *args: runs.append(1))
    with HiddenStateTap(model, (1,), "hook") as tap:
        (y,) = model(x)
        first = tap.states[0]
        torch.testing.assert_close(first, model.blocks[0](x))
        runs.clear()
        y.sum().backward()
        assert runs == ([1] if reentrant else [])  # the other kind stops once it has what it needs
        assert tap.states[0] is first


def test_any_model_with_a_list_of_layers() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mlp = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> tuple[Tensor]:
            return (x + self.mlp(x),)

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(Layer() for _ in range(3))

        def forward(self, x: Tensor) -> tuple[Tensor]:
            for block in self.blocks:
                (x,) = block(x)
            return (x.tanh(),)

    model, x = Plain(), torch.randn(1, 2, 4)
    with HiddenStateTap(model, (3, 2, 0)) as tap:
        (y,) = model(x)
    assert tap.mode == "hook"
    assert tap.states[0] is y
    assert tap.states[2] is x
    with HiddenStateTap(model, (1,), stop_early=True) as early:
        model(x)
    torch.testing.assert_close(early.states[0], x + model.blocks[0].mlp(x))
