"""Judges gradients written by hand: is the derivation right, and is it computed accurately here?

`check` returns a report, `require` raises where a verdict is not good, `python -m verify` is for a shell.
Neither jax nor anything that judges is imported before it is needed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verify.settings import Settings
from verify.verdict import Report, Verdict

if TYPE_CHECKING:
    from manual_bp.derivation import Derivation
    from manual_bp.domains import Domain

__all__ = [
    "Refuted",
    "Report",
    "Settings",
    "Verdict",
    "check",
    "check_custom_rule",
    "check_gradient",
    "require",
]


class Refuted(AssertionError):
    """A derivation whose verdict is not good; the message tells the story of each equation that failed.

    `report` is the whole of what was found.
    """

    def __init__(self, message: str, report: Report | None = None):
        super().__init__(message)
        self.report = report


def check(derivation: Derivation, *, settings: Settings | None = None, **changes: Any) -> Report:
    """Judge every equation of `derivation` alone and its gradient whole, in this process.

    `changes` are fields of Settings by keyword, and come before those of `settings`; `jobs` counts on the command line
    only. Without a seed it is that of `pytest --hypothesis-seed`, or else 0. Raises TypeError for anything that is no
    Derivation, ValueError or TypeError for a setting that makes no sense, PlatformError for a platform that is not
    here, ProbeError, a ValueError, for a forward pass that cannot be judged.
    """
    from manual_bp.derivation import Derivation

    __tracebackhide__ = True  # pytest shows the user's line, here and below
    if not isinstance(derivation, Derivation):
        raise TypeError(f"check: {derivation!r} is no Derivation; expected a manual_bp.derivation.Derivation")
    return _judge([derivation], _chosen(settings, changes))


def _chosen(settings: Settings | None, changes: Mapping[str, Any]) -> Settings:
    """The settings of a call. Raises what Settings raises; TypeError for `argnums`, which `wrt` is here."""
    __tracebackhide__ = True
    if settings is not None and not isinstance(settings, Settings):
        raise TypeError(f"settings: {settings!r}, expected verify.Settings(...)")
    if "argnums" in changes:
        raise TypeError(f"argnums: is called wrt here, of names or positions: wrt={changes['argnums']!r}")
    return (settings or Settings()).changed({**changes, "jobs": 1})


def _judge(derivations: Sequence[Derivation], chosen: Settings) -> Report:
    from verify.campaign import campaign
    from verify.runtime import files, platforms
    from verify.targets.discovery import Target
    from verify.targets.forward_checks import probe

    __tracebackhide__ = True
    directory, why = files.usable(chosen.directory)
    if why:
        warnings.warn(why, stacklevel=3)
    chosen = chosen.changed({"directory": directory})
    platforms.choose(chosen.platform)
    for derivation in derivations:
        probe(derivation, chosen)
    targets = [Target("", derivation) for derivation in derivations]
    return campaign.run(targets, chosen, lambda label, done, total: None)


def check_gradient(
    manual: Callable[..., Any],
    objective: Callable[..., Any],
    wrt: str | int | Sequence[str | int] | None = None,
    *,
    shapes: Mapping[str, Any] | None = None,
    domains: Mapping[str, Domain] | None = None,
    name: str | None = None,
    settings: Settings | None = None,
    **changes: Any,
) -> Report:
    r"""Judge `manual` as the gradient of `objective`, a scalar, by the parameters `wrt`.

    `wrt` are names or positions; without it, all that hold floats.

    The two meet by the names of their parameters: `manual` takes any of those of `objective`, and returns a
    dict by name, a tuple in the order of `wrt`, or, for one parameter, an array or tree. Shapes come from
    jaxtyping annotations of either function or from `shapes`, by parameter: names and sizes as in `"n 3"`, and
    `"*batch d"` or `"... d"` for any number of axes before the last, of which none, one and two are judged; an
    example array or a `jax.ShapeDtypeStruct`, whose sizes are fixed where they are numbers; a random key, which
    then is the one that is used; or a tree of these, whose leaves are then called `params_layers_0_W`. Equal
    names are equal sizes. `domains` says where leaves live, as in `dict(y=index("q"))`. An argument of complex
    numbers (`Complex[Array, "n"]`, or an example) is judged by its two parts, `z_re` and `z_im`, for jax's
    convention: dJ/dx - i dJ/dy by z = x + iy. Parameters with a
    default keep it, unless `shapes` names them.

        verify.check_gradient(dloss, loss, wrt=("W", "b"), shapes=dict(W="q d", b="q", x="d", y="q"))

    `settings`, `changes` and errors as of `check`; TypeError where the functions, names and shapes do not fit together.
    """
    from verify.targets.functions import gradient_derivation

    __tracebackhide__ = True
    chosen = _chosen(settings, changes)
    derivation = gradient_derivation(manual, objective, wrt, shapes=shapes, domains=domains, name=name)
    return _judge([derivation], chosen)


def check_custom_rule(
    rule: Callable[..., Any],
    reference: Callable[..., Any],
    wrt: str | int | Sequence[str | int] | None = None,
    *,
    shapes: Mapping[str, Any] | None = None,
    domains: Mapping[str, Domain] | None = None,
    name: str | None = None,
    settings: Settings | None = None,
    **changes: Any,
) -> Report:
    r"""Judge a `jax.custom_vjp` or `jax.custom_jvp` function against autodiff of `reference`, a plain function.

    Both return the same arrays, or trees of them, and meet by the names of their parameters; a rule that takes
    `*args` takes those of `reference`, in order. `wrt`, `shapes` and `domains` are those of `check_gradient`;
    `shapes` also gives the value of what stands in `nondiff_argnums`.

    The report has two derivations: the rule's derivatives for a drawn cotangent, and laws: the values are the
    reference's, also those that `jax.vjp` returns; a zero cotangent gives zero, and a g + b g' what a and b times
    those of g and g' do; one output and one argument at a time give the same as all at once, so also where the
    rule is told what is zero (`symbolic_zeros=True`); the rule holds inside jit, remat, vmap and scan; and so do
    forward mode and second derivatives, where it supports them. Every derivative has the dtype of its argument,
    from float64 to float16. An argument of integers gets no derivative (float0), and one that the rule leaves
    out (None) counts as zero.

    What a rule does not support, and what it keeps for the backward pass in fewer bits than it computed it in,
    is said in the `source` of the laws. Where it calls something that nothing can enter (a kernel, a foreign
    call, a callback), it is judged on the device alone, and `verified` at best.

    `settings`, `changes` and errors as of `check`; TypeError where the functions, names and shapes do not fit together.
    """
    from verify.targets.custom_rules.derivations import rule_derivations

    __tracebackhide__ = True
    chosen = _chosen(settings, changes)
    derivations = rule_derivations(rule, reference, wrt, shapes=shapes, domains=domains, name=name)
    return _judge(derivations, chosen)


def require(judged: Derivation | Report, *, settings: Settings | None = None, **changes: Any) -> Report:
    """As `check`, for tests: raises Refuted unless every equation is proved or verified.

    It also takes a report that is there already: `require(check_gradient(...))`.
    """
    from verify.report.story import listing, stories, story

    __tracebackhide__ = True
    report = judged if isinstance(judged, Report) else check(judged, settings=settings, **changes)
    if report.interrupted:
        raise KeyboardInterrupt
    if report.good:
        return report
    found = stories(report.derivations)
    told = [story(equation, derivation) for derivation, equation in found.told]
    told += filter(None, [listing(found.listed)])
    name = getattr(judged, "name", "the report")
    raise Refuted("\n\n".join(told) or f"{name}: nothing was judged", report)
