"""The branches of a program: its comparisons and selections, the outcomes that each can have, and those that it had.

`coverage.Coverage` watches the walks of a pair's programs; `aiming.aimed` draws leaves at the thresholds that it sees.
"""
