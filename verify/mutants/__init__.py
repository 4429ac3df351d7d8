"""The checker checked: every equation made wrong in every way, every oracle made to lie, each to be caught and named.

`run.run` is its entry point, `operators` the table of ways.
"""
