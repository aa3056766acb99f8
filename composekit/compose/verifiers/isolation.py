"""Which walls can be built here, and which are used."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import NamedTuple

from composekit._errors import ImplementationError, message
from composekit.compose.verifiers.sandbox import client
from composekit.compose.verifiers.sandbox.session import Session
from composekit.compose.verifiers.sandbox.terms import Broken, Limits, Over

TIERS = ("T0", "T1", "T2", "T3")
_PROBE = 20.0  # seconds that a trial may take


class Room(NamedTuple):
    """Where candidates run: the tier by name, the server that starts them, and the walls that it builds for each."""

    tier: str
    server: client.Server
    walls: int

    def session(self, mode: str, limits: Limits, deadline: float, stdin: bytes | None = None) -> Session:
        """Start a job."""
        return Session(self.server, mode, self.walls, limits, deadline, stdin)


_lock = threading.Lock()
_failed: dict[tuple[str, tuple[str, ...]], str] = {}
_works: set[tuple[str, tuple[str, ...]]] = set()


def room(isolation: str, minimum: str, packages: tuple[str, ...]) -> Room:
    """The room of the tier that was asked for; of ``"auto"``, the highest that works here.

    Raises:
        ImplementationError: no tier works that is as high as it must be; the message says why each one fails.
    """
    wanted = TIERS if isolation == "auto" else (isolation,)
    reasons = []
    for tier in sorted((t for t in wanted if t >= minimum), reverse=True):
        reason = _trial(tier, packages)
        if not reason:
            return _room(tier, packages)
        reasons.append(f"{tier}: {reason}")
    asked = f"isolation={isolation!r}, min_isolation={minimum!r}"
    raise ImplementationError(
        message("CodeVerifier", "min_isolation", "be a tier that this machine has", f"{asked} ({'; '.join(reasons)})",
                "Ask for a lower tier, give the process the rights that are missing, or pass runner=")
    )  # fmt: skip


def report(packages: tuple[str, ...]) -> dict[str, str]:
    """For every tier, why it does not work here; empty for those that do."""
    return {tier: _trial(tier, packages) for tier in TIERS}


def _trial(tier: str, packages: tuple[str, ...]) -> str:
    """Why a tier does not work here, by trying it once."""
    key = (tier, packages)
    with _lock:
        if key in _works:
            return ""
        if key in _failed:
            return _failed[key]
        try:
            if not hasattr(os, "fork"):
                raise Broken("candidates are forked, which this system cannot do")
            if tier == "T3" and shutil.which("bwrap") is None:
                raise Broken("bubblewrap (bwrap) is not installed")
            trial = _room(tier, packages)
            if tier < "T2" and trial.server.closed:
                raise Broken(trial.server.closed)
            session = trial.session("nothing", Limits(), time.monotonic() + _PROBE)
            try:
                session.send(b"{}")
                session.hear()
            finally:
                session.close()
        except Over as problem:  # a machine that is busy now may not be so the next time
            return str(problem)
        except (Broken, OSError) as problem:
            _failed[key] = str(problem).rstrip(".")
            return _failed[key]
        _works.add(key)
        return ""


def _room(tier: str, packages: tuple[str, ...]) -> Room:
    server = client.server(dict(_located(packages)), wrapped=tier == "T3")
    return Room(tier, server, min(TIERS.index(tier), 2))


def _located(packages: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Where packages lie, without importing them; those that are not installed are left out."""
    for name in packages:
        if name not in _places:
            try:
                spec = find_spec(name)
            except (ImportError, ValueError):
                spec = None
            if spec is None:
                _places[name] = None
            else:
                places = list(spec.submodule_search_locations or ())
                _places[name] = places[0] if places else spec.origin
        place = _places[name]
        if place and os.path.exists(place):
            yield name, place


_places: dict[str, str | None] = {}


def installed(packages: tuple[str, ...]) -> Mapping[str, str]:
    """The packages that candidates can import, with their places."""
    return dict(_located(packages))
