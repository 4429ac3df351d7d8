"""Shows what a run found: `terminal` on the screen, `json` in a file, `formula` for the equations in both."""
