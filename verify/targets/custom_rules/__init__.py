"""A `jax.custom_vjp` or `jax.custom_jvp` as derivations: its derivatives, and the `laws` that any rule is held to.

`derivations.rule_derivations` is its entry point.
"""
