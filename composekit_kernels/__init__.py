"""Fast kernels of composekit, behind one table.

``IMPLS`` is the whole map: operation -> {implementation: "module:function"}, best first. Importing this package imports
neither torch nor Triton; :func:`composekit_kernels.dispatch.resolve` loads the one function that a call needs.
The portable implementations, ``reference`` and ``chunked``, live in composekit beside the functions that use them.
"""

from composekit_kernels.dispatch import Call, Capability

IMPLS: dict[str, dict[str, str]] = {
    "gopd": {"triton": "composekit_kernels.ops.distill:gopd"},
    "lightning": {"triton": "composekit_kernels.ops.lightning:forward"},
    "lightning_backward": {"triton": "composekit_kernels.ops.lightning:backward"},
    "lightning_decode": {"triton": "composekit_kernels.ops.lightning:decode"},
    "linear_gopd": {"triton": "composekit_kernels.ops.distill:gopd"},
    "linear_gopd_sum": {"triton": "composekit_kernels.ops.distill:linear_gopd_sum"},
    "forward_kl": {"triton": "composekit_kernels.ops.distill:divergence"},
    "linear_forward_kl": {"triton": "composekit_kernels.ops.distill:divergence"},
    "jsd": {"triton": "composekit_kernels.ops.distill:divergence"},
    "linear_jsd": {"triton": "composekit_kernels.ops.distill:divergence"},
    "selected_logp": {"triton": "composekit_kernels.ops.distill:selected_logp"},
    "channel_bridge": {"triton": "composekit_kernels.ops.channel_bridge:forward"},
}

_LOSS = Capability(
    devices=("cuda",),
    dtypes=("float32", "bfloat16", "float16"),
    features=frozenset({"normalize", "scale_tensor", "candidates"}),
    min_arch=80,
    modules=("triton",),
    interpretable=True,
)

_LIGHTNING = Capability(
    devices=("cuda",),
    dtypes=("float32", "bfloat16", "float16"),
    sizes={"Dk": (1, 256), "Dv": (1, 256)},
    features=frozenset({"cu_seqlens"}),
    min_arch=80,
    modules=("triton",),
    interpretable=True,
)

# What each implementation can take, readable without importing it.
CAPABILITIES: dict[tuple[str, str], Capability] = {
    ("gopd", "triton"): _LOSS,
    ("lightning", "triton"): _LIGHTNING,
    ("lightning_backward", "triton"): _LIGHTNING,
    ("lightning_decode", "triton"): _LIGHTNING,
    ("linear_gopd", "triton"): _LOSS,
    ("linear_gopd_sum", "triton"): _LOSS,
    ("forward_kl", "triton"): _LOSS,
    ("linear_forward_kl", "triton"): _LOSS,
    ("jsd", "triton"): _LOSS,
    ("linear_jsd", "triton"): _LOSS,
    ("selected_logp", "triton"): _LOSS,
    ("channel_bridge", "triton"): Capability(
        devices=("cuda",),
        dtypes=("float32", "bfloat16", "float16"),
        sizes={"L": (1, 8)},
        features=frozenset(
            {
                "none",
                "layer_rms",
                "joint_ln",
                "layer_major",
                "channel_major",
                "mask",
                "bias",
                "norm_weight",
                "norm_bias",
            }
        ),
        min_arch=80,
        modules=("triton",),
        interpretable=True,
    ),
}

# The modules whose kernels are compiled ahead of time (composekit_kernels.aot); each lists its configurations().
KERNELS: tuple[str, ...] = (
    "composekit_kernels.triton.distill_rows",
    "composekit_kernels.triton.distill_pairs",
    "composekit_kernels.triton.channel_bridge",
    "composekit_kernels.triton.lightning_segments",
    "composekit_kernels.triton.lightning_forward",
    "composekit_kernels.triton.lightning_backward",
    "composekit_kernels.triton.lightning_decode",
)

__all__ = ["CAPABILITIES", "IMPLS", "KERNELS", "Call", "Capability"]
