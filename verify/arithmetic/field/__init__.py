"""Finite fields, the arithmetic of the proof: equality at random points means identity.

`arithmetic.Field` is its entry point and says why; `table` has one rule a primitive, `value` says what a number is.
"""
