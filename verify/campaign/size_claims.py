"""For which dimensions the equations of a unit are proved at every size, entered as evidence."""

from __future__ import annotations

from manual_bp.construction.composition import plan
from verify.campaign.evidence import merge_sizes
from verify.campaign.work import Findings
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT
from verify.runtime.timings import timed
from verify.sizes.claims import SizeClaim, claim
from verify.verdict import SizeEvidence


def everywhere(findings: Findings) -> bool:
    """Whether every equation is proved at every size, so that shapes that are drawn only test how they compose."""
    claims = [report.proof.sizes for report in findings.equations.values()]
    return all(sizes.every and not sizes.sampled for sizes in claims)


UNREADABLE = "its program cannot be read for sizes"


@timed("proof at every size")
def enter_claims(pair: Pair, findings: Findings, seed: int) -> None:
    """Claims every equation that is judged, in each dtype whose programs are others, and the gradient whole.

    The gradient whole is composed by the chain rule: where all equations that it is composed of hold at every size of a
    dimension, so does it.
    """
    taken = [equation.name for equation in plan(pair.derivation.graph, pair.symbols)]
    composed = GRADIENT in findings.equations and GRADIENT not in {*pair.given_up, *pair.closed}
    wanted = {*findings.equations, *(taken if composed else ())} - {GRADIENT}
    claims = {name: _claim(pair, name, seed) for name in pair.derivation.equations if name in wanted}
    for name, evidence in claims.items():
        if name in findings.equations:
            findings.equations[name].proof.sizes = evidence
    if GRADIENT in findings.equations:
        whole = merge_sizes([_of(name, claims[name]) for name in taken]) if composed and taken else None
        findings.equations[GRADIENT].proof.sizes = whole or _nothing(pair, "it cannot be walked")


def _claim(pair: Pair, name: str, seed: int) -> SizeEvidence:
    if name in pair.given_up or name in pair.closed:
        return _nothing(pair, "it cannot be walked")
    try:
        found = [_known(each, name, seed) for each in pair.others()]
    except Exception as error:  # no claim is no loss: the equation is judged at the sizes that were drawn
        return _nothing(pair, f"{UNREADABLE}: {type(error).__name__}")
    return merge_sizes([SizeEvidence(each.every, each.sampled, _error(each)) for each in found])


def _known(pair: Pair, name: str, seed: int) -> SizeClaim:
    """The claim, made once."""
    if name not in pair.claims:
        pair.claims[name] = claim(pair, pair.derivation.equations[name], seed)
    return pair.claims[name]


def _error(found: SizeClaim) -> float:
    return found.log2_error if found.every else 0.0


def _of(name: str, evidence: SizeEvidence) -> SizeEvidence:
    sampled = {dim: f"{name}: {why}" for dim, why in evidence.sampled.items()}
    return SizeEvidence(evidence.every, sampled, evidence.log2_error)


def _nothing(pair: Pair, why: str) -> SizeEvidence:
    return SizeEvidence({}, dict.fromkeys(pair.dims, why))
