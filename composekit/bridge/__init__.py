"""Carry what a language model knows, in many of its layers, into a generator.

Learned think tokens go behind the prompt (:class:`ThinkTokens`), chosen hidden states are tapped while the reader runs
(:class:`HiddenStateTap`, :func:`tap_layers`), stacked along the channels and projected without ever building the stack
(:func:`channel_bridge`, :class:`ChannelBridge`), read by a small bidirectional connector (:class:`BridgeConnector`), and
handed to the generator (:class:`BridgeOutput`). :class:`StackedChannelBridge` is all of it in one module.
"""

from composekit.bridge.channel import ChannelBridge, channel_bridge
from composekit.bridge.connector import BridgeConnector
from composekit.bridge.layers import tap_layers
from composekit.bridge.output import BridgeOutput
from composekit.bridge.stacked import StackedChannelBridge
from composekit.bridge.taps import HiddenStateTap
from composekit.bridge.think import ThinkInputs, ThinkTokens

__all__ = [
    "BridgeConnector",
    "BridgeOutput",
    "ChannelBridge",
    "HiddenStateTap",
    "StackedChannelBridge",
    "ThinkInputs",
    "ThinkTokens",
    "channel_bridge",
    "tap_layers",
]
