"""What is judged: derivations found by name, module or file, two functions, or a custom rule made into derivations.

`discovery.resolve` and `functions.gradient_derivation` are its entry points; `source_code` and `import_statements`
say how a target is called again from a script, and `forward_checks` whether it can be judged at all.
"""
