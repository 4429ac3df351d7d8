"""Proofs for every size: an equation judged between its symbol and the derivatives it takes, from a few small sizes.

`claims.claim` is the entry point. `local_rules` cuts the local programs out of a derivation, `flat` makes a list of
operations of them, `degrees` and `table` bound how far a size can reach, `patterns` sees which branches were met.
"""
