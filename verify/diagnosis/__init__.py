"""What is wrong with a refuted equation, where, and why a result is farther off than rounding explains.

`recognition.diagnose` names the wrong term, `localization` the place, `inaccuracy` the operation that rounds most.
"""
