"""Answers read as exact mathematics: no floating point decides that two of them are equal.

An answer runs through :mod:`normalise` (characters), :mod:`lexer` (tokens), :mod:`parser` (a tree), :mod:`evaluate`
(an exact quotient of polynomials, by the rules of :mod:`algebra`) and :mod:`compare` (the conventions of answers:
sets, units, percent). :mod:`numeric` may show that two expressions differ; it never shows that they are equal.
"""
