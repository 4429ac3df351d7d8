"""The checker checked: every equation wrong in every way, every oracle with a false rule, each to be caught and named.

`run.run` is its entry point, `operators` the table of ways.
"""
