"""How long the parts take, as ratios of medians that one run measured: `nox -s bench`."""
