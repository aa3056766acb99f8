"""Names of units, folded so that ``metres``, ``meter`` and ``m`` are one; any other noun is a unit of its own."""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath.vocabulary import names

Unit = tuple[tuple[str, int], ...]  # name and exponent, sorted

# Symbols are read with their case (mW is not MW), words without.
_SYMBOLS = {
    "m": "meter metre", "cm": "centimeter centimetre", "mm": "millimeter millimetre", "km": "kilometer kilometre",
    "nm": "nanometer nanometre", "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile",
    "s": "sec secs second", "ms": "millisecond", "min": "mins minute", "h": "hr hrs hour", "d": "day",
    "g": "gram gramme", "kg": "kilogram kilogramme", "mg": "milligram", "lb": "lbs pound", "oz": "ounce",
    "L": "l liter litre", "mL": "ml milliliter millilitre", "gal": "gallon",
    "$": "dollar usd buck", "€": "euro eur", "£": "gbp", "¥": "yen jpy", "₹": "rupee inr", "¢": "cent",
    "degree": "deg", "radian": "rad", "K": "kelvin", "mol": "mole", "N": "newton", "J": "joule", "kJ": "kilojoule",
    "W": "watt", "kW": "kilowatt", "mW": "milliwatt", "MW": "megawatt", "V": "volt", "A": "ampere amp", "Pa": "pascal",
    "kPa": "kilopascal", "MPa": "megapascal",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "C": "coulomb", "F": "farad", "T": "tesla",
    "ohm": "", "eV": "electronvolt", "atm": "atmosphere",
}  # fmt: skip
_WORDS = {word: symbol for symbol, words in _SYMBOLS.items() for word in words.split()}
PHYSICAL = frozenset(_SYMBOLS) | {"degree c", "degree f"}
_ANY_CASE = names("cm mm km kg mg ft yd lb oz min deg")
_COMPOUND = {"mph": (("h", -1), ("mi", 1)), "kph": (("h", -1), ("km", 1)), "kmh": (("h", -1), ("km", 1))}

# Written without \text these are still units when they follow a number; one letter alone is a variable.
BARE_UNITS = names(
    """
    cm mm km Km nm kg Kg mg ml mL ft yd lb lbs oz hr sec min mph kph Hz kHz MHz kJ kPa Pa mol rad deg ms kW eV atm
    KB MB GB TB usd USD eur EUR
    """
)
LETTER_UNITS = names("m s g h J N W V A K C L F T")
CLOSE_UNITS = names("m s g h L")  # right behind a number too: 900m
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
    "score": 20, "gross": 144, "lakh": 10**5, "crore": 10**7,
}  # fmt: skip
SCALES |= {f"{word}s": value for word, value in SCALES.items()}
PERCENT = names("percent percentage pct")

# Words that make a phrase of a noun, or a hedge of an answer: no unit contains them.
_FUNCTION_WORDS = names(
    """
    a an and or nor not no none never but if unless else is are was were be been isn aren wasn am im the this
    that these those it its i you he she we they who which what when where why how than then so because since
    though although maybe perhaps possibly probably likely either neither both any some all most least more less
    about approximately approx around roughly nearly almost fewer short
    shy missing guess think believe suppose assume hence therefore
    thus answer result wrong right correct incorrect false true appears appear seems seem would could should
    might may can cannot will shall do does did have has had with without from to for by at as instead rather
    except only just even also too plus minus times divided equals equal over under versus vs below above
    squared cubed factorial half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths
    seventh eighth eighths ninth tenth tenths hundredth hundredths thousandth thousandths millionth root modulo
    on given assuming provided unless during
    mod pi double twice triple negative positive inverse reciprocal prime maximum minimum max zero one two three
    four five six seven eight nine ten eleven twelve quadrillion quintillion sextillion septillion octillion grand tens
    hundreds myriad myriads k m b mil mn bn ppm ppb permille permil mille ish thou nano micro milli centi deci deca hecto
    kilo mega giga tera
    """
)
MAX_WORDS = 4
# thirteen, twentieth, hundredths, millionth: numbers too, whatever they follow.
_NUMERAL = re.compile(
    r"(?:thir|four|fif|six|seven|eigh|nine)teen(?:ths?|s)?|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?:y|ies|ieths?)|"
    r"(?:(?:hundred|thousand|[mbtr]+illion)|eleven|twelf|nin)ths?"
)


def is_unit_word(word: str) -> bool:
    """Whether a word may stand in a unit: a noun, as far as a list of other words can tell."""
    if word in _SYMBOLS:  # A is an ampere, a is an article
        return True
    low = word.lower()
    if low in _FUNCTION_WORDS or is_numeral(low):
        return False
    return word.isalpha() and len(word) <= 24


def is_numeral(word: str) -> bool:
    """Whether a word, in small letters, is a number or a part of one: hundreds, thirteen, millionth."""
    return word in SCALES or _NUMERAL.fullmatch(word) is not None


def fold(word: str) -> Unit:
    """The canonical unit of one word; ``units`` is none in particular."""
    if word in _SYMBOLS:
        return ((word, 1),)
    low = word.lower()
    if low in _COMPOUND:
        return _COMPOUND[low]
    stem = low[:-1] if len(low) > 3 and low.endswith("s") and not low.endswith("ss") else low
    if stem == "unit":
        return ()
    if low in _ANY_CASE:
        return ((low, 1),)
    symbol = _WORDS.get(low) or _WORDS.get(stem)
    return ((symbol or (word if len(word) < 3 else stem), 1),)


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
