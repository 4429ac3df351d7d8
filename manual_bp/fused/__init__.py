"""What a derivation by hand gives that autodiff does not: a gradient without forming what is summed.

Each module holds derivations that `verify` judges, as in `python -m verify manual_bp.fused.per_example`: the plain form
is differentiated by `jax.grad`, the fused form is its equation.
"""
