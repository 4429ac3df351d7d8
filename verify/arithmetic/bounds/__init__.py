"""Rounding-error bounds: float64 values, each with a bound on what a device of any dtype may compute in its place.

`arithmetic.Bounds` is its entry point; `table` has one rule a primitive, `units` how much each operation rounds.
"""
