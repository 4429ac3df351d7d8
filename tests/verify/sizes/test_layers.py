"""The layers of `tests/examples` at every size, in every dimension that is no window, sequence position or look-up."""

from pathlib import Path

import pytest

from verify.campaign.size_claims import UNREADABLE, enter_claims
from verify.campaign.work import Findings, blank
from verify.generation import ranks
from verify.generation.strategies import rotation
from verify.programs.pair import Pair
from verify.settings import Settings
from verify.targets import discovery

EXAMPLES = Path(__file__).parents[2] / "examples"
EVERY = {
    "convolution": {"c", "o"},
    "cross_entropy": {"n", "v"},
    "deep": set(),
    "dense": {"n", "d", "q"},
    "dropout": {"n", "d"},
    "embedding": {"t", "v", "d"},
    "grouped_query": {"g", "r", "d"},
    "layer_norm": {"n", "d"},
    "lstm": {"d", "h"},
    "rms_norm": {"d"},
    "rotary": {"k"},
    "segment_mean": {"d"},
}


@pytest.mark.parametrize("layer", EVERY)
def test_the_gradient_whole_is_proved_at_every_size_of(layer):
    (target,) = discovery.resolve([str(EXAMPLES / f"{layer}.py")])
    for choices in rotation(target.derivation, 0):
        derivation, rows = ranks.instance(target.derivation, choices)
        pair, findings = Pair(derivation, rows), Findings(blank(derivation, Settings()))
        enter_claims(pair, findings, 0)
        sizes = findings.equations["gradient"].proof.sizes
        batch = {dim for dim in pair.dims if dim.startswith("batch")}
        assert {*sizes.every} == EVERY[layer] | batch
        assert {*sizes.every} | {*sizes.sampled} == {*pair.dims}
        assert not any(UNREADABLE in why for why in sizes.sampled.values())
