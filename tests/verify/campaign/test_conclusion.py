"""From evidence to a verdict: what outweighs what, and how the findings of several units are put together."""

import dataclasses

import pytest

from verify.arithmetic.field.value import Agreement
from verify.campaign import conclusion
from verify.campaign.evidence import ENOUGH, merge, points_needed
from verify.campaign.work import Findings
from verify.lanes.proof import Outcome
from verify.programs.tracing import Fault
from verify.verdict import (
    BoundsEvidence,
    Counterexample,
    DeviceEvidence,
    EquationReport,
    ProofEvidence,
    SizeEvidence,
    Status,
    Verdict,
)

CLOSED = ProofEvidence(points=ENOUGH, shapes=3, status=Status.CLOSED, log2_error=-500.0)
OPEN = ProofEvidence(points=ENOUGH, status=Status.OPEN, open_because="no relation is known for digamma")
SEEN = BoundsEvidence(cases=10, worst=0.5, power=1e-13)


def report(**evidence) -> EquationReport:
    return EquationReport(
        "dJ_dW", "", **{"proof": CLOSED, "bounds": SEEN, "verdict": Verdict.PROVED} | evidence
    )


def device(worst: float, **more) -> list[DeviceEvidence]:
    return [DeviceEvidence("float32", "default", cases=5, worst=worst, **more)]


def counterexample(lane: str = "device", bound: float = 0.0, leaves=None) -> Counterexample:
    return Counterexample(lane, {}, {}, leaves or {}, {}, (), 1.0, 2.0, bound)


WRONG = Fault("dJ_dW: returned shape (2,), expected (3,)", wrong=True)
RAISED = Fault("dJ_dW: raised ZeroDivisionError", wrong=False)

FEW = dataclasses.replace(CLOSED, points=ENOUGH - 1)
WEAK, STRONG = (dataclasses.replace(CLOSED, log2_error=log2_error) for log2_error in (-63.0, -64.0))
EVERYWHERE = dataclasses.replace(WEAK, sizes=SizeEvidence({"h": 2}, log2_error=-900.0))
SOMEWHERE = dataclasses.replace(WEAK, sizes=SizeEvidence({"h": 2}, {"d": "a sort"}, log2_error=-900.0))
EXACT = report(proof=OPEN, device=device(9.0), counterexample=counterexample())
DISPUTED = report(verdict=Verdict.REFUTED, dispute="jax.grad says 2, forward mode says 1")

# fmt: off
CASES = [
    # evidence, faults, pieces unmet, the verdict and why
    ("closed", report(), [], [], Verdict.PROVED, None),
    ("few points", report(proof=FEW), [], [], Verdict.VERIFIED, "only 63 points"),
    ("weak", report(proof=WEAK), [], [], Verdict.VERIFIED, "the error bound, 2^-63, is too weak"),
    ("weak, no power", report(proof=WEAK, bounds=BoundsEvidence(10)), [], [], Verdict.INCONCLUSIVE, "too weak"),
    ("weak, but at every size", report(proof=EVERYWHERE), [], [], Verdict.PROVED, None),
    ("weak, but at some sizes", report(proof=SOMEWHERE), [], [], Verdict.VERIFIED, "2^-63, is too weak"),
    ("just strong enough", report(proof=STRONG), [], [], Verdict.PROVED, None),
    ("unmet", report(), [], ["piece 2 of relu6"], Verdict.VERIFIED, "piece 2 of relu6"),
    ("open", report(proof=OPEN), [], [], Verdict.VERIFIED, "digamma"),
    ("no power", report(proof=OPEN, bounds=BoundsEvidence(10)), [], [], Verdict.INCONCLUSIVE, "power to refute"),
    ("raised", report(), [RAISED], [], Verdict.INCONCLUSIVE, "ZeroDivisionError"),
    ("off", report(device=device(2.0)), [], [], Verdict.INACCURATE, "2 times as far off"),
    ("off, why", report(device=device(2.0), cause="right in float64"), [], [], Verdict.INACCURATE, "right in float64"),
    ("not finite", report(device=device(float("inf"))), [], [], Verdict.INACCURATE, "infinitely"),
    ("float64 off", report(verdict=Verdict.INACCURATE), [], [], Verdict.INACCURATE, "in float64"),
    ("to the bit", EXACT, [], [], Verdict.REFUTED, "any rounding"),
    ("refuted", report(verdict=Verdict.REFUTED), [], [], Verdict.REFUTED, "different functions"),
    ("raises too", report(verdict=Verdict.REFUTED), [RAISED], [], Verdict.REFUTED, "different functions"),
    ("disputed", DISPUTED, [], [], Verdict.DISPUTED, "forward mode"),
    ("wrong shape", report(dispute="jax.grad says 2"), [RAISED, WRONG], [], Verdict.REFUTED, "expected (3,)"),
]
# fmt: on


@pytest.mark.parametrize(
    ("evidence", "faults", "unmet", "verdict", "why"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_verdicts(evidence, faults, unmet, verdict, why):
    found, because = conclusion.verdict(evidence, faults, unmet)
    assert found is verdict
    assert because is None if why is None else why in str(because)


REFUSED = DeviceEvidence("bfloat16", "default", refused="TypeError: RFFT requires float32")
BLIND = [DeviceEvidence("float32", "default", cases=5)]
TO_THE_BIT = [DeviceEvidence("float32", "default", cases=5, exact=9)]


@pytest.mark.parametrize(
    ("evidence", "verdict", "why"),
    [
        (device(0.5, power=1e-7), Verdict.PROVED, None),
        (BLIND, Verdict.VERIFIED, "no case on the device in float32"),
        (TO_THE_BIT, Verdict.PROVED, None),
        ([*device(0.5, power=1e-7), REFUSED], Verdict.PROVED, None),
        ([REFUSED], Verdict.INCONCLUSIVE, "it runs nowhere: bfloat16 (TypeError: RFFT"),
    ],
)
def test_what_is_proved_was_seen_on_the_device(evidence, verdict, why):
    found, because = conclusion.verdict(report(device=evidence), [], [])
    assert found is verdict
    assert because is None if why is None else why in str(because)


@pytest.mark.parametrize(("worst", "power"), [(0.5, 1e-7), (3.0, 1e-7)])
def test_nobody_is_judged_by_a_bound_that_jax_grad_breaks(worst, power):
    """Neither good nor blamed; what exact arithmetic refutes stays refuted."""
    off = device(worst, power=power, autodiff_worst=1.5)
    shown = counterexample(bound=1.0)
    units = [Findings({"dJ_dW": report(device=device(worst, power=power), counterexample=shown),
                       "gradient": report(device=off)})]  # fmt: skip
    concluded = conclusion.conclude("layer", "a book", units).equations
    assert [equation.verdict for equation in concluded] == [Verdict.INCONCLUSIVE] * 2
    assert "jax.grad itself is farther off than its own bound in float32 (1.5 times)" in str(
        concluded[0].because
    )
    assert concluded[0].counterexample is None
    wrong = [Findings({"dJ_dW": report(verdict=Verdict.REFUTED), "gradient": report(device=off)})]
    assert conclusion.conclude("layer", "a book", wrong).equations[0].verdict is Verdict.REFUTED


def test_a_dtype_whose_bounds_hold_still_blames():
    off = [*device(3.0), DeviceEvidence("bfloat16", "default", cases=1, autodiff_worst=2.0)]
    (equation,) = conclusion.conclude("layer", "", [Findings({"gradient": report(device=off)})]).equations
    assert equation.verdict is Verdict.INACCURATE and "float32" in str(equation.because)


# --- several units --------------------------------------------------------------------------------------------


def test_counts_add_up_and_the_worst_stays():
    one = report(device=device(0.25, ulps=1.0, power=1e-7, autodiff_worst=0.5, ways={"batched": 5}))
    more = device(0.75, ulps=0.5, power=1e-6, autodiff_ulps=3.0, ways={"batched": 5, "scan": 5})
    two = report(device=more, bounds=BoundsEvidence(4, 0.9, None))
    merged = merge([one, two])
    assert merged.proof.points == 2 * ENOUGH and merged.proof.log2_error == -500.0
    assert merged.bounds == BoundsEvidence(14, 0.9, 1e-13)
    (evidence,) = merged.device
    assert (evidence.cases, evidence.worst, evidence.ulps, evidence.power) == (10, 0.75, 1.0, 1e-7)
    assert (evidence.autodiff_worst, evidence.autodiff_ulps) == (0.5, 3.0)
    assert evidence.ways == {"batched": 10, "scan": 5}
    assert one.device[0].ways == {"batched": 5}  # the units' own evidence stays as it was


def test_dtypes_are_kept_apart():
    merged = merge(
        [report(device=device(0.1)), report(device=[DeviceEvidence("bfloat16", "default", cases=1)])]
    )
    assert [evidence.dtype for evidence in merged.device] == ["float32", "bfloat16"]


@pytest.mark.parametrize(
    ("worse", "status"), [(OPEN, Status.OPEN), (ProofEvidence(status=Status.FAILED), Status.FAILED)]
)
def test_a_proof_is_closed_only_where_every_unit_closed_it(worse, status):
    assert merge([report(), report(proof=worse)]).proof.status is status


def test_the_smallest_counterexample_of_the_worst_verdict_is_shown():
    small, large = counterexample(leaves={"x": [1.0]}), counterexample(leaves={"x": [1.0, 2.0, 3.0]})
    merged = merge([
        report(verdict=Verdict.INACCURATE, counterexample=small, cause="right in float64"),
        report(verdict=Verdict.REFUTED, counterexample=large),
        report(verdict=Verdict.REFUTED, counterexample=small),
    ])  # fmt: skip
    assert merged.counterexample is small and merged.cause is None
    assert merged.verdict is Verdict.REFUTED


def test_opinions_of_several_units_are_as_good_as_the_worst():
    one = report(opinions={"forward mode": "the same function", "finite differences": "agrees"})
    two = report(
        opinions={"forward mode": "agrees", "finite differences": "differs"}, dispute="who says what"
    )
    merged = merge([one, report(), two])
    assert merged.opinions == {"forward mode": "agrees", "finite differences": "differs"}
    assert merged.dispute == "who says what"


def test_a_derivation_is_concluded_equation_by_equation():
    good = Findings({"dJ_dW": report(), "dJ_db": report()})
    bad = Findings({"dJ_dW": report(verdict=Verdict.REFUTED), "dJ_db": report()}, faults={"dJ_db": RAISED})
    concluded = conclusion.conclude("layer", "a book", [good, bad])
    assert [equation.verdict for equation in concluded.equations] == [Verdict.REFUTED, Verdict.INCONCLUSIVE]
    assert concluded.verdict is Verdict.REFUTED


def test_what_cannot_be_called_is_not_judged_by_what_else_was_found():
    gone = Findings(
        {"dJ_dW": report(verdict=Verdict.REFUTED)}, faults={"dJ_dW": dataclasses.replace(RAISED, fatal=True)}
    )
    (equation,) = conclusion.conclude("layer", "a book", [gone]).equations
    assert equation.verdict is Verdict.INCONCLUSIVE and equation.because == RAISED.message


def test_what_proves_an_equation_at_every_size_is_the_error_that_is_told():
    unit = Findings({"dJ_dW": report(proof=EVERYWHERE)})
    (concluded,) = conclusion.conclude("layer", "", [unit]).equations
    assert (concluded.verdict, concluded.proof.log2_error) == (Verdict.PROVED, -900.0)


@pytest.mark.parametrize(
    "points, log2_error, large, needed",
    [
        (104, -500.0, False, 104),
        (66, -500.0, True, 66),
        (66, -55.0, True, 78),  # 65 bits at 55 / 66 bits a point
        (66, -6.0, True, 66),  # so many more would be too many
        (66, 0.0, True, 66),
        (ENOUGH - 1, 0.0, False, 8 * (ENOUGH - 1)),
        (ENOUGH - 1, 0.0, True, ENOUGH - 1),
    ],
)
def test_more_points_are_drawn_where_each_says_too_little(
    points: int, log2_error: float, large: bool, needed: int
):
    outcome = Outcome({"": Agreement(points, 0, log2_error, None)}, "rational", frozenset(), frozenset())
    assert points_needed([outcome], points, large) == needed
    wrong = dataclasses.replace(outcome, agreements={"": Agreement(points, 0, log2_error, (0, 0))})
    assert points_needed([wrong], points, large) == points
