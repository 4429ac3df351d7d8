"""The two arithmetics in which programs are walked: `field`, that of the proof, and `bounds`, that of rounding."""
