"""How a derivation is built from functions: names become wiring, annotations shapes, docstrings formulas.

`derivation.Derivation` is made of these; nobody else needs them.
"""
