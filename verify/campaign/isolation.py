"""Lanes that survive what users' functions do: an equation that breaks one is left out, and the others are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from manual_bp.construction.axes import gathered
from manual_bp.construction.composition import plan
from verify.campaign.evidence import enter_opaque
from verify.campaign.work import Findings
from verify.interpreter.opaque import Opaque, OpaqueError
from verify.interpreter.walker import Sizes
from verify.lanes.purity import WHY as CHANGING
from verify.lanes.purity import changing_equations, changing_node
from verify.programs.complex_numbers.parts import NoRealProgram
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, Fault, Programs, Traced, WalkError

NO_RULE = "{} of complex numbers, of which no lane has a model; nothing is proved or refuted"


class Isolation:
    """The equations of a pair that can still be judged, and the faults of the others, noted in its findings."""

    def __init__(self, pair: Pair, findings: Findings):
        self.pair, self.findings = pair, findings

    def __call__(self, lane: str, judge: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What a lane says of those that do not break it."""
        while True:
            try:
                return judge(*arguments, **options)
            except WalkError as broken:
                if not broken.name:  # it is the reference, so there is nothing to judge by
                    raise
                if isinstance(broken.error, OpaqueError):
                    self.pair.close(broken.name, Opaque((broken.error.primitive,)))
                    continue
                if isinstance(broken.error, NoRealProgram):
                    self._give_up_unmodelled(broken.name, broken.error)
                    continue
                said = str(broken.error).strip().partition("\n")[0]
                message = f"{broken.name}: {lane} raised {type(broken.error).__name__}: {said}"
                self.give_up(broken.name, Fault(message, wrong=False))

    def give_up(self, name: str, fault: Fault) -> None:
        """Judges an equation no further; where it cannot even be called, nor what is composed of it."""
        self.pair.give_up(name, fault)
        self.note(name, fault)
        taken = [equation.name for equation in plan(self.pair.derivation.graph, self.pair.symbols)]
        if fault.fatal and name in taken and GRADIENT not in self.pair.given_up:
            self.give_up(GRADIENT, replace(fault, message=f"{GRADIENT}: it takes {fault.message}"))

    def leave_out_changing(self, sizes: Sizes, leaves: Mapping[str, np.ndarray]) -> Fault | None:
        """Gives up equations that are not the same function twice; the fault of them all if a node is not."""
        if node := self("a first look", changing_node, self.pair, sizes, leaves):
            return Fault(f"{node}: {CHANGING}", wrong=False, fatal=True)
        for name in self("a first look", changing_equations, self.pair, sizes, leaves):
            self.give_up(name, Fault(f"{name}: {CHANGING}", wrong=False, fatal=True))
        return None

    def leave_out_complex(self, programs: Programs) -> Fault | None:
        """Gives up the equations that take functions of complex numbers without a rule; the fault of them all if the
        reference does.
        """
        if unmodelled := programs.reference.unmodelled:
            return Fault(NO_RULE.format(unmodelled), wrong=False, fatal=True)
        for name, traced in {**programs.equations, GRADIENT: programs.composed}.items():
            if isinstance(traced, Traced) and traced.unmodelled:
                self._give_up_unmodelled(name, traced.unmodelled)
        return None

    def _give_up_unmodelled(self, name: str, what: object) -> None:
        self.give_up(name, Fault(f"{name}: {NO_RULE.format(what)}", wrong=False, fatal=True))

    def note(self, name: str, fault: Fault) -> None:
        """Of several faults of an equation the worst is kept."""
        known = self.findings.faults.get(name)
        worse = known is None or (fault.wrong, fault.fatal) > (known.wrong, known.fatal)
        if name in self.findings.equations and worse:
            self.findings.faults[name] = fault

    def note_all(self, sizes: Sizes, concrete: bool) -> None:
        """What cannot be traced at these sizes may still have been at the smallest; what cannot be entered is noted
        too.
        """
        known = gathered(sizes, self.pair.derivation.axes)
        at = ", ".join(f"{name} = {size}" for name, size in known.items())
        programs = self.pair.programs(sizes, concrete=concrete)
        for name in programs.opaque.keys() & self.findings.equations.keys():
            enter_opaque(self.findings.equations[name].proof, programs.opaque[name])
        for name, fault in programs.faults.items():
            if name not in self.pair.given_up:
                self.note(name, replace(fault, message=f"{fault.message} ({at})"))
