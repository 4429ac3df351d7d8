"""The three lanes: the proof over finite fields, the bounds in float64, and the device that really runs it."""
