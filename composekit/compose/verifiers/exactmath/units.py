"""Names of units, folded so that ``metres``, ``meter`` and ``m`` are one; any other noun is a unit of its own."""

from __future__ import annotations

from composekit.compose.verifiers.exactmath.vocabulary import names

Unit = tuple[tuple[str, int], ...]  # name and exponent, sorted

_SYNONYMS = {
    "m": "meter metre", "cm": "centimeter centimetre", "mm": "millimeter millimetre", "km": "kilometer kilometre",
    "nm": "nanometer nanometre", "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile",
    "s": "sec second", "ms": "millisecond", "min": "minute", "h": "hr hour", "d": "day",
    "g": "gram gramme", "kg": "kilogram kilogramme", "mg": "milligram", "lb": "lbs pound", "oz": "ounce",
    "l": "liter litre", "ml": "milliliter millilitre", "gal": "gallon",
    "$": "dollar usd buck", "€": "euro eur", "£": "gbp", "¥": "yen jpy", "₹": "rupee inr", "¢": "cent",
    "degree": "deg", "radian": "rad", "k": "kelvin", "mol": "mole", "n": "newton", "j": "joule", "kj": "kilojoule",
    "w": "watt", "kw": "kilowatt", "v": "volt", "a": "ampere amp", "pa": "pascal", "kpa": "kilopascal", "hz": "hertz",
    "khz": "kilohertz", "c": "coulomb", "f": "farad", "t": "tesla", "ohm": "", "ev": "electronvolt", "atm": "atmosphere",
    "ohm m": "", "square unit": "", "cubic unit": "",
}  # fmt: skip
_FOLD = {name: short for short, names in _SYNONYMS.items() for name in names.split()} | {s: s for s in _SYNONYMS}
PHYSICAL = frozenset(_FOLD.values()) | {"degree c", "degree f"}
_COMPOUND = {"mph": (("h", -1), ("mi", 1)), "kph": (("h", -1), ("km", 1)), "kmh": (("h", -1), ("km", 1))}

# Written without \text these are still units when they follow a number; one letter alone is a variable.
BARE_UNITS = names(
    """
    cm mm km nm kg mg ml ft yd lb lbs oz hr sec min mph kph Hz kHz MHz kJ kPa Pa mol rad deg ms kW eV atm
    usd USD eur EUR
    """
)
LETTER_UNITS = names("m s g h J N W V A K C L F T")
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
PERCENT = names("percent percentage pct")

# Words that make a phrase of a noun, or a hedge of an answer: no unit contains them.
_FUNCTION_WORDS = names(
    """
    a an and or nor not no none never but if unless else is are was were be been isn aren wasn am im the this
    that these those it its i you he she we they who which what when where why how than then so because since
    though although maybe perhaps possibly probably likely either neither both any some all most least more less
    about approximately approx around roughly nearly almost guess think believe suppose assume hence therefore
    thus answer result wrong right correct incorrect false true appears appear seems seem would could should
    might may can cannot will shall do does did have has had with without from to for by at as instead rather
    except only just even also too plus minus times divided equals equal over under versus vs zero one two three
    four five six seven eight nine ten eleven twelve
    """
)
MAX_WORDS = 4


def is_unit_word(word: str) -> bool:
    """Whether a word may stand in a unit: a noun, as far as a list of other words can tell."""
    return word.isalpha() and len(word) <= 24 and word.lower() not in _FUNCTION_WORDS


def fold(word: str) -> Unit:
    """The canonical unit of one word."""
    low = word.lower()
    if low in _COMPOUND:
        return _COMPOUND[low]
    if low in _FOLD:
        return ((_FOLD[low], 1),)
    stem = low[:-1] if len(low) > 3 and low.endswith("s") and not low.endswith("ss") else low
    return ((_FOLD.get(stem, stem), 1),)


def power(unit: Unit, k: int) -> Unit:
    """A unit raised to a power."""
    return tuple((name, e * k) for name, e in unit)


def product(*units: Unit) -> Unit:
    """The product of units, sorted, without cancelled ones."""
    total: dict[str, int] = {}
    for unit in units:
        for name, e in unit:
            total[name] = total.get(name, 0) + e
    return tuple(sorted((n, e) for n, e in total.items() if e))
