"""Needless constants of public problems that people found by reading, and that no rule tells.

*Five people are planning a party* counts the people whom the text then names, which takes a reader. A problem is listed by
the hash of its text, a constant by where it begins; nothing of the texts is kept here.
"""

from __future__ import annotations

import hashlib

_STARTS: dict[str, tuple[int, ...]] = {
    # GSM8K, test
    "0133408a053f8950": (46, 138),  # degrees that nothing is calculated with
    "23adfa57ee7e97fd": (78,),  # pieces: the longer and the shorter
    # GSM8K, train
    "6a52d0eaa9119d95": (148,),  # the name of a kind
    "9dd20f916a9cea88": (114,),  # four, of which one is large
    "f07ad30a661648d7": (105,),  # eyes of an ant
    "898585396398975e": (25,),  # friends who are named
    "7e6af38730639a1c": (9,),
    "8ac870b3ff75d81a": (252,),
    "1d4ca9d9875776e6": (0,),
    "48b7386ec2daefbc": (100,),  # tours that are told one by one
    "fb75f83412e8ce61": (100,),  # a third of thirty
    "b7d5f6f844112b3b": (58,),  # the share that wins an election
    "56328b1966408df1": (41,),  # the height of a hoop
    "769954bb510ff06d": (43,),  # the legs of a spider are asked for
    "25c0d7455fac81fd": (118, 133),  # the dearer fruit
    "725b7060e8865550": (68,),  # no two of the others make 23 with ten
}


def known_needless(text: str) -> tuple[int, ...]:
    """Where the constants of a problem begin that are listed as needless.

    Example:
        >>> known_needless("What is 1 + 1?")
        ()
    """
    return _STARTS.get(hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16], ())
