"""What a run found: verdicts, the evidence behind each, and the report that holds them.

Everything here is plain data. `verify.campaign` fills it in, `verify.report` shows it and writes it as JSON (schema 1).
"""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SCHEMA = 1
COMPOSED = "gradient"  # the name, among the equations, of the gradient that is composed of them
LAWS = ": laws"  # ends the name of the derivation that has the laws of a rule
CUT_SHORT = "the run was interrupted before all of it was judged; nothing was found against it by then"


class Verdict(enum.StrEnum):
    """What is concluded of an equation, worst first."""

    REFUTED = "refuted"  # the algebra is wrong, and there is a counterexample
    DISPUTED = "disputed"  # the oracles disagree with each other, so nothing is concluded
    INACCURATE = "inaccurate"  # the algebra is right, the result farther off than rounding explains
    INCONCLUSIVE = "inconclusive"  # ran, but without the power to refute
    VERIFIED = "verified"  # no difference that float64 with its bounds could see; the proof stayed open
    PRINTED_WRONG = "printed wrong"  # refuted, as is expected of a mistake that a book prints
    PROVED = "proved"  # an identity over finite fields, and accurate wherever it was run

    @property
    def good(self) -> bool:
        """Whether a run that ends with this verdict exits with 0."""
        return self in (Verdict.VERIFIED, Verdict.PRINTED_WRONG, Verdict.PROVED)

    @staticmethod
    def worst(verdicts: Iterable[Verdict]) -> Verdict:
        """The worst of several; nothing judged at all is inconclusive, never good."""
        order = list(Verdict)
        return min(verdicts, key=order.index, default=Verdict.INCONCLUSIVE)


class Status(enum.StrEnum):
    """How the proof of one equation ended."""

    CLOSED = "closed"  # equal at every point
    OPEN = "open"  # could not be decided in the field: `open_because` says why
    FAILED = "failed"  # different at a point: the two sides are not the same function


@dataclasses.dataclass
class SizeEvidence:
    """For which dimensions an equation is proved at every size, and not only at the sizes that were drawn."""

    every: dict[str, int] = dataclasses.field(default_factory=dict)  # the size up to which all decide it
    sampled: dict[str, str] = dataclasses.field(default_factory=dict)  # why only sizes that were drawn count
    log2_error: float = 0.0  # log2 of the probability that what is claimed of every size is wrong


@dataclasses.dataclass
class ProofEvidence:
    """Points at which both sides were evaluated over finite fields."""

    points: int = 0
    shapes: int = 0
    branches: int = 0  # distinct branch patterns that the points chose
    status: Status = Status.OPEN
    log2_error: float = 0.0  # log2 of the probability that a wrong identity would have passed
    theorem: str = "rational"  # or "exponential": Schwartz-Zippel with every exponential as a free variable
    open_because: str | None = None
    dropped: int = 0  # points without a value in the field (no square root, division by zero)
    opaque: tuple[str, ...] = ()  # primitives that no interpreter enters: the device judges alone
    sizes: SizeEvidence = dataclasses.field(default_factory=SizeEvidence)


@dataclasses.dataclass
class BoundsEvidence:
    """Cases judged in float64 with running error bounds."""

    cases: int = 0
    worst: float = 0.0  # largest difference over the sum of both bounds; 1 would be a violation
    power: float | None = None  # the smallest relative error it would have refuted; None: none


@dataclasses.dataclass
class DeviceEvidence:
    """Cases judged on the device, in one dtype at one matmul precision."""

    dtype: str
    precision: str
    cases: int = 0
    exact: int = 0  # elements whose bound was zero: judged to the bit
    kinks: int = 0  # elements exactly at a kink or a tie
    worst: float = 0.0
    ulps: float = 0.0  # the largest difference in units in the last place, where it is well-conditioned
    power: float | None = None  # the smallest relative error it would have seen; None: none
    autodiff_worst: float | None = None  # of `jax.grad` in the gradient's place; None for equations alone
    autodiff_ulps: float | None = None
    manual_ulps: float | None = None  # by hand, on the very cases of `autodiff_ulps`
    ways: dict[str, int] = dataclasses.field(default_factory=dict)  # cases: batched, single, or inside scan
    refused: str | None = None  # why it does not run in this dtype
    digits: float | None = None  # decimal digits kept, where fewest are in comparison with `jax.grad`
    autodiff_digits: float | None = None  # that `jax.grad` keeps there for certain
    lost: int = 0  # cases in which digits were lost that the problem allows and `jax.grad` keeps
    loss: str | None = None  # what was lost, where, and why


@dataclasses.dataclass
class Counterexample:
    """The smallest case found at which the two sides differ, as values that can be pasted into Python."""

    lane: str  # "bounds" or "device"
    choices: dict[str, str]
    dims: dict[str, int]
    leaves: dict[str, Any]  # nested lists of Python numbers, leaf by leaf
    inputs: dict[str, Any]  # what the equation alone was given (autodiff's own values upstream of it)
    index: tuple[int, ...]  # the element that differs most, of `quantity`
    manual: float
    autodiff: float
    bound: float  # the two bounds together: the difference that rounding could explain
    dtype: str = "float64"
    quantity: str = ""  # what is compared: the equation, or of the composed gradient one of its derivatives
    holds: tuple[str, ...] = ()  # equations upstream of this one that hold
    ranks: dict[str, int] = dataclasses.field(default_factory=dict)  # how many axes `*batch` stands for
    replay: str = ""  # the token that `python -m verify --replay` takes
    script: str = ""  # the file that shows it with jax and the user's file alone
    unwritable: str = ""  # why there is no such file


@dataclasses.dataclass
class EquationReport:
    """One equation, or the composed gradient under the name `gradient`."""

    name: str
    tex: str
    verdict: Verdict = Verdict.INCONCLUSIVE
    because: str | None = None  # one line: why the verdict is not `proved`
    proof: ProofEvidence = dataclasses.field(default_factory=ProofEvidence)
    bounds: BoundsEvidence = dataclasses.field(default_factory=BoundsEvidence)
    device: list[DeviceEvidence] = dataclasses.field(default_factory=list)
    counterexample: Counterexample | None = None
    diagnosis: str | None = None  # of a refuted one: what the difference is, where it is recognised
    cause: str | None = None  # of a result that is farther off than rounding explains: where it turns right
    opinions: dict[str, str] = dataclasses.field(default_factory=dict)  # what other oracles say of `jax.grad`
    dispute: str | None = None  # who says what, where they do not agree
    note: str | None = None  # what is worth saying of one that is good

    @property
    def cut_short(self) -> bool:
        """Whether there is no verdict on it only because the run was interrupted."""
        return self.because == CUT_SHORT


@dataclasses.dataclass
class Wiring:
    """The graph of a derivation as names: what each node takes, and what each equation is and takes."""

    leaves: list[str] = dataclasses.field(default_factory=list)
    nodes: dict[str, list[str]] = dataclasses.field(default_factory=dict)  # in the order of evaluation
    objective: str = ""
    derivatives: dict[str, tuple[str, str]] = dataclasses.field(
        default_factory=dict
    )  # of which root, by which symbol
    equations: dict[str, list[str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Met:
    """What the data of a derivation were like."""

    sizes: dict[str, dict[int, int]] = dataclasses.field(default_factory=dict)  # shapes that had it
    outcomes: int = 0  # of comparisons and selections, that could come of them
    outcomes_met: int = 0
    unmet: list[str] = dataclasses.field(default_factory=list)  # of these, and pieces of functions, by name


@dataclasses.dataclass
class DerivationReport:
    """One derivation and all of its equations."""

    name: str
    source: str
    equations: list[EquationReport] = dataclasses.field(default_factory=list)
    note: str | None = None  # what is not judged, though one might look for it
    wiring: Wiring = dataclasses.field(default_factory=Wiring)
    met: Met = dataclasses.field(default_factory=Met)

    @property
    def verdict(self) -> Verdict:
        return Verdict.worst(equation.verdict for equation in self.equations)

    def cut_short(self) -> DerivationReport:
        """The same with no good verdict left: had the run gone on, something might have been found against it."""
        inconclusive = {"verdict": Verdict.INCONCLUSIVE, "because": CUT_SHORT}
        equations = [
            dataclasses.replace(equation, **inconclusive) if equation.verdict.good else equation
            for equation in self.equations
        ]
        return dataclasses.replace(self, equations=equations)


@dataclasses.dataclass(repr=False)
class Report:
    """A whole run; true where every verdict is good.

    `str` of it is what the command line prints. Of a run that was interrupted no verdict is good.
    """

    environment: dict[str, Any]
    settings: dict[str, Any]
    totals: dict[str, Any]
    derivations: list[DerivationReport]
    interrupted: bool = False

    def __post_init__(self) -> None:
        if self.interrupted:
            self.derivations = [derivation.cut_short() for derivation in self.derivations]

    @property
    def verdict(self) -> Verdict:
        """The worst of all; of a run that was interrupted inconclusive at best.

        What is printed wrong, and known to be, says nothing of the others.
        """
        known = [Verdict.INCONCLUSIVE] if self.interrupted else []
        found = [*known, *(derivation.verdict for derivation in self.derivations)]
        return Verdict.worst([one for one in found if one is not Verdict.PRINTED_WRONG] or found)

    @property
    def good(self) -> bool:
        return self.verdict.good

    @property
    def equations(self) -> list[EquationReport]:
        """Those of all derivations."""
        return [equation for derivation in self.derivations for equation in derivation.equations]

    def __bool__(self) -> bool:
        return self.good

    def __repr__(self) -> str:
        counts = Counter(equation.verdict for equation in self.equations)
        found = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
        names = ", ".join(derivation.name for derivation in self.derivations)
        return f"<Report {self.verdict}: {names or 'no derivation'}; equations: {found or 'none'}>"

    def __str__(self) -> str:
        """What the command line prints, without colours, as wide as the terminal."""
        from verify.report import terminal  # put off: it shows what is defined here

        return terminal.text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from verify.report import html  # put off: it shows what is defined here

        return html.table(self)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values, schema 1 of the documentation."""
        return {
            "schema": SCHEMA,
            "verdict": str(self.verdict),
            **({"interrupted": True} if self.interrupted else {}),
            "environment": self.environment,
            "settings": self.settings,
            "totals": self.totals,
            "derivations": [
                {
                    "name": derivation.name,
                    "source": derivation.source,
                    "verdict": str(derivation.verdict),
                    **({"note": derivation.note} if derivation.note else {}),
                    "equations": [_equation_json(equation) for equation in derivation.equations],
                    "wiring": dataclasses.asdict(derivation.wiring),
                    "met": dataclasses.asdict(derivation.met),
                }
                for derivation in self.derivations
            ],
        }


def _equation_json(equation: EquationReport) -> Mapping[str, Any]:
    return {
        "name": equation.name,
        "tex": equation.tex,
        "verdict": str(equation.verdict),
        "because": equation.because,
        "diagnosis": equation.diagnosis,
        "note": equation.note,
        "cause": equation.cause,
        "opinions": equation.opinions,
        "lanes": {
            "proof": dataclasses.asdict(equation.proof),
            "bounds": dataclasses.asdict(equation.bounds),
            "device": [dataclasses.asdict(evidence) for evidence in equation.device],
        },
        "counterexample": equation.counterexample and dataclasses.asdict(equation.counterexample),
    }
