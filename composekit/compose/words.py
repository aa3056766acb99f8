"""Numbers written as English words, and the words that say what a numeral beside them is."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache


def word_set(words: str) -> frozenset[str]:
    """The words of a string, as a set."""
    return frozenset(words.split())


_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
TENS: dict[str, int] = {word: 10 * value for value, word in enumerate(_TENS.split(" "), start=2)}
CARDINALS: dict[str, int] = {word: value for value, word in enumerate(_SMALL.split())} | TENS
SCALES: dict[str, int] = {
    "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "hundreds": 100, "thousands": 1000, "millions": 10**6, "billions": 10**9,
}  # fmt: skip
COUNTS: dict[str, int] = {"dozen": 12, "dozens": 12, "score": 20, "gross": 144, "k": 1000, "mil": 10**6}

ORDINALS: dict[str, int] = {word: value for value, word in enumerate(_ORDINALS.split(), start=1)}
ORDINALS |= {"twentieth": 20, "hundredth": 100, "thousandth": 1000}
PARTS: dict[str, Fraction] = {
    "half": Fraction(1, 2),
    "halves": Fraction(1, 2),
    "quarter": Fraction(1, 4),
    "quarters": Fraction(1, 4),
}
PARTS |= {word + suffix: Fraction(1, value) for word, value in ORDINALS.items() if value > 2 for suffix in ("", "s")}
MULTIPLES: dict[str, int] = {
    "once": 1, "single": 1, "twice": 2, "double": 2, "doubled": 2, "doubles": 2, "pair": 2, "pairs": 2, "couple": 2,
    "both": 2, "thrice": 3, "triple": 3, "tripled": 3, "triples": 3, "trio": 3, "quadruple": 4, "quadrupled": 4,
    "biweekly": 2, "fortnight": 2,
}  # fmt: skip

# A numeral after one of these is a name or a position, not an amount.
LABELS = word_set(
    """age ages aged article assignment base bases box boxes building bus case chapter channel class clause column
    course day days door edition episode equation example exercise exercises exit figure figures flight flights
    floor form game gate grade grades group highway house item items jar label lane lecture lesson level levels line
    lines model no nos number numbers option page pages part parts pen period phase player point points position
    problem problems question questions quiz road room round route row rows rule runner season section set shift
    size slot square stage step street student team test track trial trip truck type types unit version volume week
    weeks year years zone # code pin rank score seat table theorem lemma top"""
)
MONTHS = word_set(
    """january february march april may june july august september october november december jan feb mar apr jun jul
    aug sep sept oct nov dec"""
)
CLOCK = word_set("am pm oclock noon midnight sharp")
BEFORE_YEARS = word_set("in since by until till before after year during circa spring summer fall winter autumn")
OF_A_YEAR = word_set("census election elections season edition olympics model report survey tournament championship")
BETWEEN_YEARS = word_set("and between from of through to")
# "the 3 friends" repeats what the text has shown already.
DEFINITE = word_set("the these those all other others remaining both said same")
# Words that start sentences and may stand before an amount: the capital says nothing there.
OPENERS = word_set(
    """a about add after all almost an and another around as assume at because before between but buy by calculate
    choose compute consider convert count determine divide draw during each either evaluate every exactly express
    factor finally find first for from given has have he her his how if in initially into is it its let like many
    most multiply my nearly next no now of on once one only or originally our out over per pick put reduce round she
    simplify since so solve some subtract suppose take the their then there these they this those though to today
    together tomorrow two until up use we what when where which while with within write yesterday you your"""
)

# Facts that anyone knows: a reader finds the amount without being told.
_FACTS = """second:minute:60 minute:hour:60 second:hour:3600 hour:day:24 minute:day:1440 day:week:7/5
    day:month:28/29/30/31 day:year:360/365/366 week:month:4 week:year:52 month:year:12 year:decade:10 year:century:100
    hour:week:168 day:fortnight:14 season:year:4 inch:foot:12 foot:yard:3 inch:yard:36 foot:mile:5280 yard:mile:1760
    cm:m:100 centimeter:meter:100 meter:kilometer:1000 m:km:1000 millimeter:centimeter:10 mm:cm:10 ml:liter:1000
    milliliter:liter:1000 ml:l:1000 gram:kilogram:1000 g:kg:1000 gram:kg:1000 kilogram:ton:1000 kg:ton:1000
    ounce:pound:16 ounce:lb:16 pound:ton:2000 ounce:cup:8 cup:pint:2 pint:quart:2 quart:gallon:4 cup:quart:4
    cup:gallon:16 ounce:gallon:128 ounce:quart:32 pint:gallon:8 tablespoon:cup:16 teaspoon:tablespoon:3 cent:dollar:100
    penny:dollar:100 nickel:dollar:20 dime:dollar:10 quarter:dollar:4 cent:quarter:25 cent:dime:10 cent:nickel:5
    egg:dozen:12 item:dozen:12 card:deck:52 sheet:ream:500 letter:alphabet:26 degree:circle:360 degree:triangle:180
    side:triangle:3 side:square:4 angle:triangle:3 quarter:game:4 quarter:year:4 wheel:car:4 wheel:bicycle:2 wheel:bike:2
    wheel:motorcycle:2 wheel:tricycle:3 leg:dog:4 leg:cat:4 leg:spider:8 leg:kangaroo:2 leg:chicken:2 leg:duck:2 leg:bird:2
    hump:camel:2 vowel:alphabet:5 consonant:alphabet:21 ounce:pint:16 bit:byte:8 kb:mb:1000/1024 mb:gb:1000/1024
    string:guitar:6 string:violin:4 key:piano:88 finger:hand:5 toe:foot:5 square:chessboard:64"""
# (unit, larger unit): how many make one.
CONVERSIONS: dict[tuple[str, str], tuple[int, ...]] = {
    (small, large): tuple(map(int, values.split("/")))
    for small, large, values in (fact.split(":") for fact in _FACTS.split())
}
_SINGULAR = {
    "feet": "foot",
    "inches": "inch",
    "pennies": "penny",
    "centuries": "century",
    "lbs": "lb",
    "liters": "liter",
    "children": "child",
    "men": "man",
    "women": "woman",
}
_BRITISH = {
    "centimetre": "centimeter",
    "metre": "meter",
    "kilometre": "kilometer",
    "millimetre": "millimeter",
    "litre": "liter",
}


@lru_cache(maxsize=16384)
def singular(word: str) -> str:
    """The singular of a unit, good enough for the table of conversions."""
    word = word.lower()
    ending = 2 if word.endswith(("sses", "xes", "ches", "shes")) else word.endswith("s")
    word = _SINGULAR.get(word) or (word[:-ending] if len(word) > 3 and ending else word)
    return _BRITISH.get(word, word)
