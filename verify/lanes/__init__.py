"""The lanes that judge an equation: the proof over finite fields, the bounds in float64, and the device that runs it.

`proof.prove`, `bounds.bound` and `device.lane.Compiled` are their entry points; `opinions` asks other oracles about
`jax.grad`, `purity` whether an equation is a function at all, and `trial` puts a wrong equation in a right one's place.
"""
