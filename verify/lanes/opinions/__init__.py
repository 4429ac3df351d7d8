"""Second opinions on `jax.grad`: forward mode, explicit Jacobians and finite differences."""
