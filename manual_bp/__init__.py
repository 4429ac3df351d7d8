r"""Gradients written by hand: the equations of *Dive into Deep Learning* as JAX functions, without autodiff.

Notation. `dJ_dz` is the derivative of the scalar J with respect to z, and is shaped like z; `dz_dx`, the
derivative of a tensor, is a Jacobian of shape `z.shape + x.shape`. Symbols are the book's: `x` inputs, `W1`
and `W2` weights, `z` what enters an activation `phi`, `h` what leaves it, `o` outputs, `y` targets, `L` the
loss l(o, y), `lam` the weight decay $\lambda$, `s` its penalty, `J` the objective. Dimensions are lower-case
too: `d` inputs, `h` hidden units, `q` outputs, `n` examples. `phi'` is elementwise, and $\odot$ is the
elementwise product.
"""
