"""Shows what a run found: `terminal` on the screen, `json` in a file, `story` of one equation, `formula` of its TeX."""
