"""Shows what a run found: `terminal` on the screen, `json` in a file, `story` for one equation, `formula` for its TeX."""
