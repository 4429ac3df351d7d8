"""What equations are judged on: dimensions, ranks, structures of data, and arrays that lie exactly in their domains.

`data.fill` fills the leaves of a derivation; `strategies` and `exploration` draw the few discrete things there are.
"""
