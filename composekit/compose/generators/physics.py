"""Physics with numbers: units stand in the question, the answer is an exact number."""
# ruff: noqa: RUF012  (the tables of a family are class attributes that nobody changes)

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import Any

from composekit.compose.generators.base import Family, Generator
from composekit.compose.generators.stream import Stream, scaled
from composekit.compose.generators.words import NAMES

P = Mapping[str, Any]
_N, _M = range(2, 2001), range(2, 10**6)


class Physics(Family):
    """A physics problem: a question about a quantity, then the request for an exact number."""

    domain = "physics"


class Acceleration(Physics):
    """s = u t + a t^2 / 2."""

    name = "kinematics"
    words = {"body": ("car", "train", "sledge", "cyclist", "tram", "boat", "drone")}
    ranges = {"u": _N, "a": range(1, 200), "t": _N}
    wordings = (
        "A <body> moves at <u> m/s and then speeds up steadily by <a> m/s every second for <t> seconds. How many "
        "metres does it cover in this time? Give an exact number.",
        "With a constant acceleration of <a> m/s^2, a <body> that had a speed of <u> m/s travels on for <t> s. What "
        "distance, in metres, does it travel in this time? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {
            "u": rng.between(11, 15 + 10 * level),
            "a": rng.between(2, 3 + 2 * level),
            "t": rng.between(11, 16 + 8 * level),
        }

    def solve(self, p: P) -> Fraction:
        return p["u"] * p["t"] + Fraction(p["a"] * p["t"] ** 2, 2)


class Braking(Physics):
    """v^2 = 2 a s."""

    name = "braking"
    words = {"body": ("car", "lorry", "train", "tram", "bus", "motorcycle")}
    ranges = {"v": _N, "a": range(2, 500), "reaction": range(1, 20)}
    fixed = ("reaction",)
    wordings = (
        "A <body> travels at <v> m/s. The driver reacts after <reaction> s, during which the speed does not change, "
        "and then brakes with a constant deceleration of <a> m/s^2 until the <body> stands still. How many metres has "
        "it moved since the driver saw the obstacle? Give an exact number.",
        "The brakes of a <body> take away <a> m/s of speed every second. At <v> m/s the driver sees a red light, "
        "needs <reaction> s to react, and brakes to a standstill. How long, in metres, is the whole way from seeing "
        "the light? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {"v": rng.between(12, 30 + 8 * level), "a": rng.between(2, 8 + level), "reaction": rng.between(1, 3)}

    def solve(self, p: P) -> Fraction:
        return p["v"] * p["reaction"] + Fraction(p["v"] ** 2, 2 * p["a"])


class KineticEnergy(Physics):
    """The work that changes a speed: m (v^2 - u^2) / 2."""

    name = "energy"
    words = {"body": ("trolley", "sledge", "cart", "boat", "glider", "rocket stage")}
    ranges = {"m": _N, "u": _N, "v": _N}
    wordings = (
        "A <body> with a mass of <m> kg is accelerated from <u> m/s to <v> m/s. How many joules of kinetic energy "
        "does it gain? Give an exact number.",
        "How much work, in joules, raises the speed of a <body> of <m> kg from <u> m/s to <v> m/s when no energy is "
        "lost? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        u = rng.between(11, 12 + 4 * level)
        return {"m": scaled(rng, level, 15, 90), "u": u, "v": u + rng.between(2, 4 + 4 * level)}

    def valid(self, p: P) -> bool:
        return bool(p["v"] > p["u"])

    def solve(self, p: P) -> Fraction:
        return Fraction(p["m"] * (p["v"] ** 2 - p["u"] ** 2), 2)


class SeriesCircuit(Physics):
    """The power in one resistor of a series circuit."""

    name = "series_circuit"
    words = {"who": NAMES}
    ranges = {"v": _N, "r1": _N, "r2": _N}
    wordings = (
        "Two resistors of <r1> ohms and <r2> ohms are joined in series to a battery of <v> volts. What power, in "
        "watts, does the first resistor take up? Give an exact number.",
        "<who> connects a lamp of <r1> ohms and, in series with it, a resistor of <r2> ohms to a source of <v> V. How "
        "many watts does the lamp consume? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        r1, r2 = scaled(rng, level, 11, 40), scaled(rng, level, 11, 40)
        return {"v": (r1 + r2) * rng.between(1, 3) if level < 3 else scaled(rng, level, 12, 60), "r1": r1, "r2": r2}

    def solve(self, p: P) -> Fraction:
        return Fraction(p["v"], p["r1"] + p["r2"]) ** 2 * p["r1"]


class ParallelCircuit(Physics):
    """The total current through two resistors in parallel."""

    name = "parallel_circuit"
    words = {"who": NAMES}
    ranges = {"v": _M, "r1": _N, "r2": _N}
    wordings = (
        "Two heaters with resistances of <r1> ohms and <r2> ohms are connected in parallel to <v> volts. How many "
        "amperes does the source deliver in all? Give an exact number.",
        "<who> joins resistors of <r1> and <r2> ohms in parallel and applies <v> V. What is the total current in "
        "amperes? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        r1, r2 = scaled(rng, level, 11, 40), scaled(rng, level, 11, 40)
        return {"v": lcm(r1, r2) * rng.between(1, 3) if level < 3 else scaled(rng, level, 12, 120), "r1": r1, "r2": r2}

    def solve(self, p: P) -> Fraction:
        return Fraction(p["v"], p["r1"]) + Fraction(p["v"], p["r2"])


class Density(Physics):
    """The density of an alloy of two parts."""

    name = "density"
    words = {"who": NAMES}
    ranges = {"m1": _M, "v1": _N, "m2": _M, "v2": _N}
    wordings = (
        "<who> melts two lumps of metal together. One weighs <m1> g and has a volume of <v1> cm^3, the other weighs "
        "<m2> g and has a volume of <v2> cm^3. The volumes add up. What is the density of the alloy in g/cm^3? Give "
        "an exact number.",
        "A liquid of mass <m1> g fills <v1> cm^3, a second one of mass <m2> g fills <v2> cm^3. They are mixed, and no "
        "volume is lost. How many grams does one cubic centimetre of the mixture weigh? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        v1, v2 = scaled(rng, level, 11, 60), scaled(rng, level, 11, 60)
        return {"v1": v1, "v2": v2, "m1": v1 * rng.between(2, 9) + level, "m2": v2 * rng.between(2, 9) + 2 * level}

    def solve(self, p: P) -> Fraction:
        return Fraction(p["m1"] + p["m2"], p["v1"] + p["v2"])


class Mixing(Physics):
    """The temperature at which two masses of water meet."""

    name = "heat"
    words = {"who": NAMES}
    ranges = {"m1": _N, "t1": range(1, 100), "m2": _N, "t2": range(1, 100)}
    wordings = (
        "<who> pours <m1> g of water at <t1> degrees Celsius into <m2> g of water at <t2> degrees Celsius. No heat is "
        "lost. What temperature, in degrees Celsius, does the water reach? Give an exact number.",
        "In an insulated tank, <m1> kg of water at <t1> degrees Celsius meet <m2> kg of water at <t2> degrees "
        "Celsius. Which temperature in degrees Celsius do they share in the end? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        m = [scaled(rng, level, 20, 90) for _ in range(2)]
        return {"m1": m[0], "t1": rng.between(50, 95), "m2": m[1], "t2": rng.between(11, 45)}

    def valid(self, p: P) -> bool:
        return bool(p["t1"] > p["t2"])

    def solve(self, p: P) -> Fraction:
        return Fraction(p["m1"] * p["t1"] + p["m2"] * p["t2"], p["m1"] + p["m2"])


class Lever(Physics):
    """Balance of torques on a beam."""

    name = "torque"
    words = {"who": NAMES, "friend": NAMES}
    ranges = {"m1": _N, "d1": _N, "m2": _N, "d2": _N, "d3": _N}
    wordings = (
        "On one side of a light beam hang <m1> kg at <d1> cm and <m2> kg at <d2> cm from the pivot. How many "
        "kilograms must <who> hang on the other side, <d3> cm from the pivot, so that the beam is in balance? Give an "
        "exact number.",
        "<who> and <friend> balance on a seesaw with a box. The box stands alone on one side, <d3> cm from the axis. "
        "On the other side, <who>, who weighs <m1> kg, sits <d1> cm from the axis, and <friend>, who weighs <m2> kg, "
        "sits <d2> cm from it. What is the mass of the box in kilograms? Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        d1, d2 = (rng.between(21, 60 + 40 * level) for _ in range(2))
        d3 = rng.between(11, 40) if level > 2 else rng.choice((20, 25, 40, 50))
        return {
            "m1": rng.between(21, 40 + 10 * level),
            "d1": d1,
            "m2": rng.between(21, 40 + 10 * level),
            "d2": d2,
            "d3": d3,
        }

    def solve(self, p: P) -> Fraction:
        return Fraction(p["m1"] * p["d1"] + p["m2"] * p["d2"], p["d3"])


class Collision(Physics):
    """Two bodies that stick together."""

    name = "momentum"
    words = {"body": ("wagon", "trolley", "sledge", "skater", "cart")}
    ranges = {"m1": _N, "v1": range(1, 500), "m2": _N, "v2": range(1, 500)}
    wordings = (
        "A <body> of <m1> kg rolls at <v1> m/s and catches up with a second <body> of <m2> kg that moves in the same "
        "direction at <v2> m/s. They stick together, and friction plays no part. What is their common speed in m/s? "
        "Give an exact number.",
        "Two bodies slide in the same direction without friction: <m1> kg at <v1> m/s behind <m2> kg at <v2> m/s. "
        "They meet and stay joined. How many metres does the pair travel in each second after that? Give an exact "
        "number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        v2 = rng.between(2, 12)
        return {
            "m1": scaled(rng, level, 12, 60),
            "v1": v2 + rng.between(2, 14),
            "m2": scaled(rng, level, 12, 60),
            "v2": v2,
        }

    def valid(self, p: P) -> bool:
        return bool(p["v1"] > p["v2"])

    def solve(self, p: P) -> Fraction:
        return Fraction(p["m1"] * p["v1"] + p["m2"] * p["v2"], p["m1"] + p["m2"])


class Gas(Physics):
    """p V / T stays the same."""

    name = "gas_law"
    words = {"gas": ("air", "nitrogen", "argon", "helium", "neon", "oxygen")}
    ranges = {"p1": _M, "v1": _N, "t1": range(100, 2000), "v2": _N, "t2": range(100, 2000)}
    wordings = (
        "A cylinder holds <v1> litres of <gas> at a pressure of <p1> kPa and a temperature of <t1> K. The piston "
        "moves until the volume is <v2> litres, and the temperature becomes <t2> K. Treat the gas as ideal. What is "
        "the pressure now, in kPa? Give an exact number.",
        "At <t1> K and <p1> kPa, an ideal gas (<gas>) fills <v1> litres. Find its pressure in kPa when it is brought "
        "to <t2> K in a vessel of <v2> litres. Give an exact number.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        t1 = 50 * rng.between(4, 10) if level < 4 else rng.between(220, 480)
        t2 = 50 * rng.between(5, 14) if level < 4 else rng.between(250, 700)
        return {"p1": 5 * rng.between(16, 40 + 20 * level), "v1": scaled(rng, level, 12, 40), "t1": t1, "t2": t2,
                "v2": scaled(rng, level, 12, 40)}  # fmt: skip

    def valid(self, p: P) -> bool:
        return bool(p["t1"] != p["t2"] and p["v1"] != p["v2"])

    def solve(self, p: P) -> Fraction:
        return Fraction(p["p1"] * p["v1"] * p["t2"], p["t1"] * p["v2"])


physics = Generator(
    "physics",
    [
        Acceleration(), Braking(), KineticEnergy(), SeriesCircuit(), ParallelCircuit(), Density(), Mixing(), Lever(),
        Collision(), Gas(),
    ],
)  # fmt: skip
