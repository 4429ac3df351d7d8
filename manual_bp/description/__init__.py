"""What a derivation and its functions say of themselves: formulas in Unicode, signatures, docstrings, one's repr."""
