r"""Finite fields: the arithmetic of the proof, in which equality at random points means identity.

**What a number is.** A floating-point value `x` and residues, one modulo each prime of a tower
(`modular.MODULI`), drawn independently for the leaves. The float only *steers*: comparisons, maxima, signs and
indices look at it and at nothing else. The residues carry the algebra: `+ - * /`, sums and products of matrices
act on all of them, without rounding.

**What equality means.** Let two programs compute f and g, and let a point choose the same branches in both. On
that branch pattern f - g = u / v with polynomials u, v of degree at most D, a number that is carried along with
each value. If f and g are not the same function, u is not zero, and modulo a prime M it vanishes at a random
point with probability at most D / M (Schwartz 1980, Zippel 1979). Points are independent, and so are the levels
of the tower: their probabilities multiply. A polynomial whose every coefficient is a multiple of all the primes
would escape, and no constant that people write is a multiple of a prime near 2^28.

**Exponentials.** Each prime is twice the one below plus 1, so its squares form a group whose order is the prime
below. With g of that order, exp(a) is g^(a modulo the prime below), and exp(a + b) = exp(a) exp(b) holds
exactly: exp climbs one level, and what it climbs from is not there afterwards. x and exp(x) are as free of each
other as they are over the reals, for their residues are independent (the idea of Mirage's equivalence verifier,
Wu et al., OSDI 2025, arXiv 2405.05751, with one pair of primes; the tower reaches exponentials of
exponentials). The theorem is then weaker: the bound treats every exponential as one more free variable, which
is exact for exponentials of linear forms with small integer coefficients, and a heuristic otherwise. `theorem`
says which of the two a result rests on.

**Logarithms.** log(b) remembers that its exponential is b (`antilog`), so logsumexp, softplus and their like
close. As a number it is a hash of b, unless the two sides then differ: they are asked again with discrete
logarithms (`discrete_logarithms.logarithm`), which descend one level as exp climbs one, so that log(a b) =
log(a) + log(b) and log(exp(a) b) = a + log(b) hold exactly. A negative b has the logarithm of -b there; over
the reals it has none.

**Roots.** A number that is no square modulo a prime gets its square root in that prime's quadratic extension.
There s^2 = a holds, and sqrt(a) sqrt(b) = sqrt(a b) up to a sign; what has no root there either (a root of a root)
gets an uninterpreted one. A pair of programs that differs is asked again among the squares, where all laws of
exponents hold. What has no root then is a hole: not compared, and counted.

**What it does not mean.** A function without a rule, or one that no relation here describes (erf, gamma), is
*uninterpreted*: a hash of its argument. Equal arguments give equal values, so nothing wrong can close because
of it, but something right can stay open. And equality says nothing of rounding: that is for the bounds.
"""

from __future__ import annotations

from typing import Any

from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.table import RULES
from verify.arithmetic.field.uninterpreted import uninterpreted


class Field(BaseField):
    """The finite-field arithmetic of one walk: `points` points at once, in a tower of `levels` fields."""

    rules = RULES

    def unknown(self, step: Any, *operands: Any) -> list[Any]:
        """A primitive without a rule, as an uninterpreted function of all that it is given."""
        return uninterpreted(self, step, *operands)
