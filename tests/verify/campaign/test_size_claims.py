"""How many drawn shapes are looked at, by what is proved at every size."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest

import verify
from verify.campaign.size_claims import everywhere
from verify.campaign.work import Findings
from verify.verdict import EquationReport, ProofEvidence, SizeEvidence


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([SizeEvidence({"n": 2})], True),
        ([SizeEvidence({"n": 2}), SizeEvidence({"n": 1, "m": 3})], True),
        ([SizeEvidence({"n": 2}), SizeEvidence({"n": 1}, {"m": "a sort"})], False),
        ([SizeEvidence({"n": 2}), SizeEvidence()], False),
    ],
)
def test_everywhere_is_every_dimension_of_every_equation(sizes: list[SizeEvidence], expected: bool):
    reports = {
        str(i): EquationReport(str(i), "", proof=ProofEvidence(sizes=each)) for i, each in enumerate(sizes)
    }
    assert everywhere(Findings(reports)) is expected


def test_what_is_proved_at_every_size_is_drawn_at_fewer_shapes_and_no_other(tmp_path: Path):
    settings: Any = dict(wrt="x", shapes=dict(x="n"), examples=80, dtypes=("float32",), directory=tmp_path)
    claimed = verify.check_gradient(lambda x: 2 * x, lambda x: jnp.sum(x**2), **settings)
    sampled = verify.check_gradient(
        lambda x: 2 * jnp.sort(x)[::1] * 0 + 1, lambda x: jnp.sum(jnp.sort(x)), **settings
    )
    assert claimed.good and sampled.good
    (first, whole), (other, _) = claimed.equations, sampled.equations
    assert first.proof.sizes.every == whole.proof.sizes.every == {"n": 1} and not first.proof.sizes.sampled
    assert "n" in other.proof.sizes.sampled
    assert 4 <= claimed.totals["shapes"] < sampled.totals["shapes"] / 1.2
