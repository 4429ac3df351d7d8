"""The device lane: what really runs, compiled as a user would, against the bound of its dtype and precision."""
