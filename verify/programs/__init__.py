"""What is walked and run: the reference that autodiff gives, each equation alone, and the gradient whole.

`pair.Pair` is its entry point: a derivation with one row of each table, traced for all sizes or for some.
"""
