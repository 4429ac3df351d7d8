r"""The TeX that gradient formulas are written in, and its Unicode, as plain tables."""

LETTERS = {
    r"\alpha": "α", r"\beta": "β", r"\gamma": "γ", r"\delta": "δ", r"\epsilon": "ε", r"\varepsilon": "ε",
    r"\zeta": "ζ", r"\eta": "η", r"\theta": "θ", r"\iota": "ι", r"\kappa": "κ", r"\lambda": "λ", r"\mu": "μ",
    r"\nu": "ν", r"\xi": "ξ", r"\pi": "π", r"\rho": "ρ", r"\sigma": "σ", r"\tau": "τ", r"\upsilon": "υ",
    r"\phi": "φ", r"\varphi": "φ", r"\chi": "χ", r"\psi": "ψ", r"\omega": "ω",
    r"\Gamma": "Γ", r"\Delta": "Δ", r"\Theta": "Θ", r"\Lambda": "Λ", r"\Xi": "Ξ", r"\Pi": "Π", r"\Sigma": "Σ",
    r"\Phi": "Φ", r"\Psi": "Ψ", r"\Omega": "Ω", r"\ell": "ℓ", r"\infty": "∞", r"\prime": "′", r"\top": "ᵀ",
    r"\intercal": "ᵀ", r"\ldots": "…", r"\dots": "…", r"\cdots": "⋯", r"\emptyset": "∅",
    r"\%": "%", r"\_": "_",
    r"\|": "‖", r"\lVert": "‖", r"\rVert": "‖", r"\Vert": "‖", r"\vert": "|", r"\lvert": "|", r"\rvert": "|",
    "/": "/", "!": "!",
}  # fmt: skip
OPERATORS = {
    "+": "+", "-": "−", r"\pm": "±", r"\mp": "∓", r"\cdot": "·", r"\times": "×", r"\odot": "⊙", r"\circ": "∘",
    r"\otimes": "⊗", r"\oplus": "⊕", r"\ast": "∗", "*": "∗", r"\star": "⋆", r"\cup": "∪", r"\cap": "∩",
}  # fmt: skip
RELATIONS = {
    "=": "=", "<": "<", ">": ">", r"\lt": "<", r"\gt": ">", r"\le": "≤", r"\leq": "≤",
    r"\ge": "≥", r"\geq": "≥",
    r"\ne": "≠", r"\neq": "≠", r"\approx": "≈", r"\equiv": "≡", r"\sim": "∼", r"\propto": "∝", r"\in": "∈",
    r"\notin": "∉", r"\to": "→", r"\rightarrow": "→", r"\leftarrow": "←", r"\gets": "←", r"\mapsto": "↦",
    r"\mid": "|", r"\subset": "⊂", r"\subseteq": "⊆",
}  # fmt: skip
KINDS = {
    "partial": {r"\partial": "∂", r"\nabla": "∇", r"\mathrm{d}": "d"},
    "letter": LETTERS,
    "binary": OPERATORS,
    "relation": RELATIONS,
    "word": {r"\sum": "∑", r"\prod": "∏", r"\int": "∫"},
    "open": {"(": "(", "[": "[", r"\{": "{", r"\lfloor": "⌊", r"\lceil": "⌈", r"\langle": "⟨"},
    "close": {")": ")", "]": "]", r"\}": "}", r"\rfloor": "⌋", r"\rceil": "⌉", r"\rangle": "⟩"},
    "comma": {",": ",", ";": ";", r"\colon": ":"},
    "space": {r"\,": " ", r"\:": " ", r"\;": " ", r"\ ": " ", "~": " ", r"\quad": "  ", r"\qquad": "  "},
}

UPRIGHT = (r"\mathrm", r"\text", r"\textrm", r"\operatorname", r"\mathsf", r"\texttt", r"\mathtt")
TRANSPARENT = (
    r"\mathbf",
    r"\boldsymbol",
    r"\bm",
    r"\mathbb",
    r"\mathcal",
    r"\mathit",
)  # their letter is kept
IGNORED = (
    *TRANSPARENT, r"\left", r"\right", r"\big", r"\Big", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr",
    r"\!", r"\\", "&", "}", r"\displaystyle", r"\limits", r"\nolimits",
)  # fmt: skip
ACCENTS = {r"\bar": "\u0304", r"\overline": "\u0304", r"\hat": "\u0302", r"\widehat": "\u0302",
           r"\tilde": "\u0303", r"\widetilde": "\u0303", r"\dot": "\u0307", r"\vec": "\u20d7"}  # fmt: skip
FRACTIONS = (r"\frac", r"\tfrac", r"\dfrac")
VULGAR = {"1/2": "½", "1/3": "⅓", "1/4": "¼", "1/6": "⅙", "1/8": "⅛"}

SUPERSCRIPT = dict(zip(
    "0123456789+−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδφχᵀ′,",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᵠᵡᵀ′,",
    strict=True,
))  # fmt: skip
SUBSCRIPT = dict(zip(
    "0123456789+−=()aehijklmnoprstuvxβγρφχ,",
    "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ,",
    strict=True,
))  # fmt: skip
