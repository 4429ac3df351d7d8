"""What the book states of derivatives, section by section, and where each statement stands in `manual_bp.book`.

A place is `derivation/equation`, where the equation may be a node that is defined; or `module:function`. What is no
derivative has a reason, and perhaps a place all the same.
"""

from typing import NamedTuple


class Statement(NamedTuple):
    """A statement of the book, by a short name of ours."""

    name: str
    places: tuple[str, ...]
    reason: str = ""


def stated(name: str, *places: str) -> Statement:
    return Statement(name, places)


def defined(name: str, *places: str) -> Statement:
    return Statement(name, places, "a definition, not a derivative")


BACKPROPAGATION = (
    defined("fwd_z", "backprop/z"),
    defined("fwd_h", "backprop/h"),
    defined("fwd_o", "backprop/o"),
    defined("fwd_loss", "backprop/L"),
    defined("fwd_reg", "backprop/s"),
    defined("fwd_obj", "backprop/J"),
    Statement(
        "prod_chain",
        ("prod:prod",),
        "holds for tensors of any shape: a function, tested against its definition",
    ),
    stated("bwd_L", "backprop/dJ_dL"),
    stated("bwd_s", "backprop/dJ_ds"),
    stated("bwd_o", "backprop/dJ_do"),
    stated("bwd_reg", "backprop/ds_dW1", "backprop/ds_dW2"),
    stated("bwd_W2", "backprop/dJ_dW2"),
    stated("bwd_h", "backprop/dJ_dh"),
    stated("bwd_z", "backprop/dJ_dz"),
    stated("bwd_W1", "backprop/dJ_dW1"),
    Statement(
        "ex_grad_shape",
        (),
        "of shapes: every derivative is held to the shape of its symbol when it is called",
    ),
    stated("ex_bias", "backprop-biases/dJ_db1", "backprop-biases/dJ_db2", "backprop-biases/dJ_dx"),
)
LINEAR_MODELS = (
    stated(
        "deriv_table",
        "calculus-table/dconstant_dx", "calculus-table/dcube_dx", "calculus-table/dinverse_dx",
        "calculus-table/droot_dx", "calculus-table/dexponential_dx", "calculus-table/dlogarithm_dx",
    ),
    stated(
        "deriv_rules",
        "calculus-rules/dmultiple_dx", "calculus-rules/dtotal_dx", "calculus-rules/dproduct_dx",
        "calculus-rules/dquotient_dx", "calculus-rules/dcomposition_dx",
    ),
    stated("quad_example", "calculus-table/dexample_dx"),
    stated("grad_Ax", "calculus-gradients/dAx_dx"),
    stated("grad_xTA", "calculus-gradients/dxB_dx"),
    stated("grad_quadform", "calculus-gradients/dform_dx"),
    stated("grad_sqnorm", "calculus-gradients/dnorm_dx"),
    stated("grad_fro", "calculus-gradients/dfrobenius_dX"),
    stated("chain_vec", "calculus-gradients/dy_dx", "calculus-gradients/du_dx"),
    stated("autograd_2xx", "autograd/dy_dx", "autograd/dtotal_dx", "autograd/dsummed_dx"),
    stated("detach", "autograd/dz_dx"),
    stated("ctrl_flow", "autograd-control-flow/df_da"),
    stated("linreg_ols", "linear-regression/dS_dw"),
    stated("linreg_mb", "linear-regression/dL_dw", "linear-regression/dL_db"),
    stated("weight_decay", "weight-decay/dJ_dw", "weight-decay/dJ_db", "weight-decay-step/dP_dw"),
    stated("softmax_ce", "softmax-cross-entropy/dl_do", "softmax-regression/dL_do", "softmax-regression/dL_dW"),
    stated("relu_d", "mlp/drelu_dx"),
    stated("sigmoid_d", "mlp/dsigmoid_dx"),
    stated("tanh_d", "mlp/dtanh_dx"),
    stated(
        "deep_product",
        "numerical-stability/do_dW1", "numerical-stability/do_dW2", "numerical-stability/do_dW3",
    ),
)  # fmt: skip
THROUGH_TIME = (
    stated("bptt_dL_dwh", "bptt-scalar/dL_dw_h"),
    stated("bptt_recur", "bptt-scalar/dh_dw_h"),
    stated("bptt_at", "bptt-unrolling/da_ds"),
    stated("bptt_general", "bptt-scalar-general/dh_dw_h"),
    stated("bptt_trunc", "bptt-truncated/dh_dw_h"),
    stated("bptt_random", "bptt-randomized/dh_dw_h", "bptt-randomized-expectation/dh_dw_h"),
    defined("bptt_fwd", "bptt/h", "bptt/o", "bptt-loss/L"),
    stated("bptt_o", "bptt-loss/dL_do"),
    stated("bptt_Wqh", "bptt/dL_dWqh", "bptt-three-steps/dL_dWqh"),
    stated("bptt_hT", "bptt-three-steps/dL_dh_3"),
    stated("bptt_ht", "bptt/dL_dp", "bptt-three-steps/dL_dh_2", "bptt-three-steps/dL_dh_1"),
    stated("bptt_expand", "bptt-expanded/dL_dp"),
    stated("bptt_Whx", "bptt/dL_dWhx", "bptt-three-steps/dL_dWhx"),
    stated("bptt_Whh", "bptt/dL_dWhh", "bptt-three-steps/dL_dWhh"),
    stated("bptt_h_0", "bptt/dL_dh_0"),
    stated("bptt_nonlinear", "bptt-nonlinear/dL_dp"),
)
LANGUAGE_VISION_OPTIMIZATION = (
    stated("skipgram_vc", "skip-gram/dl_dv_c"),
    stated("cbow_vo", "cbow/dl_dv", "cbow/dl_dE"),
    stated("tconv", "transposed-conv-matrix/dy_dx", "transposed-conv-matrix/dJ_dx", "transposed-conv/dJ_dY"),
    Statement("conv_fd", ("conv_layer:difference",), "a difference: tested as a limit, with its order"),
    stated(
        "gd_quad",
        "gradient-descent/dsquare_dx",
        "gradient-descent/dellipse_dv",
        "gradient-descent/dhalf_dx",
    ),
    stated(
        "gd_code",
        "gradient-descent/dwave_dx",
        "gradient-descent-second/ddwave_dx",
        "gradient-descent/dhyperbola_dx",
        "gradient-descent-second/ddhyperbola_dx",
    ),
    stated("newton", "gradient-descent/dT_de"),
    Statement("precond", ("gradient_descent:preconditioned_step",), "an update rule"),
    Statement(
        "second_diff", ("convexity:second_difference",), "a difference: tested as a limit, with its order"
    ),
    stated("hess_line", "convexity/dslope_dz", "convexity/dhalf_dw"),
    stated("quad_h", "momentum/dh_dx", "momentum-about-its-minimum/dh_dx", "momentum-as-printed/dh_dx"),
    stated("quad_rot", "adagrad/df_dx"),
    stated("q_learning", "q-learning/dloss_dq", "q-learning/dP_dq", "q-learning-as-printed/dP_dq"),
)
APPENDIX = (
    stated("lse2", "multivariable-calculus/dlogarithm_dx", "multivariable-calculus/dlogarithm_dy"),
    stated("poly4", "multivariable-calculus/dquartic_dx"),
    stated("chain_dag", *(f"multivariable-chain-rule/df_d{leaf}" for leaf in "uvabwxyz")),
    stated("chain_3path", "multivariable-paths/df_dy"),
    stated("hess_quad", "multivariable-calculus/dquadratic_dq", "multivariable-hessians/dslope_dq"),
    stated("xexp", "multivariable-calculus/dbump_dq", "multivariable-hessians/dbump_slope_dq"),
    stated("beta_x", "multivariable-calculus/dproduct_dv"),
    stated("mf_V", "multivariable-calculus/derror_dV", "multivariable-calculus/derror_dU"),
    stated("sum_sq", "multivariable-calculus/dsquare_of_sum_dv"),
    stated("log_poly10", "single-variable-calculus/dexample_dx"),
    stated(
        "ftc",
        "integral-calculus/dF_dx", "integral-calculus/dbell_dx",
        "integral-calculus/dpolar_dr", "integral-calculus/dpolar_dangle",
    ),
    stated("bern_mle", "maximum-likelihood/dF_dtheta"),
    stated("nll_sum", "maximum-likelihood/dN_dtheta", "maximum-likelihood-as-printed/dN_dtheta"),
)  # fmt: skip
DERIVED = (
    stated("logsumexp", "softmax-cross-entropy/dg_do", "softmax-cross-entropy/dp_do"),
    stated("exp_family", "exponential-family/dl_deta", "exponential-family/dA_deta"),
    stated("prelu", "mlp/dprelu_dx", "mlp/dprelu_dalpha"),
    stated("swish", "mlp/dswish_dx", "mlp/dswish_dbeta"),
    stated("gelu", "mlp/dgelu_dx"),
    stated("l1", "linear-regression-exercises/dA_dw"),
    stated("const_b", "linear-regression-exercises/dB_db"),
    stated("poisson", "linear-regression-exercises/dN_dv"),
    stated("huber", "linear-regression-exercises/dH_dr"),
    stated(
        "calc_ex",
        "calculus-exercises/dself_power_dx", "calculus-exercises/dcubic_dx", "calculus-exercises/dseparate_du",
        "calculus-exercises/dnorm_dv", "calculus-exercises/dinverse_dy",
    ),
    stated("autograd_ex", "calculus-exercises/dlogarithmic_dx", "calculus-exercises/dsine_dx"),
    stated(
        "svc_ex",
        "single-variable-calculus/dcubic_dx", "single-variable-calculus/dinverse_logarithm_dx",
        "single-variable-calculus/dentropy_dx",
    ),
    stated("mvc_ex", "multivariable-calculus/dexercise_dq"),
    stated("mle_ex", "maximum-likelihood-exercises/dE_dalpha", "maximum-likelihood-exercises/dG_dmean"),
    stated("bern_nll", "maximum-likelihood-exercises/dB_dtheta"),
    stated("skipgram_u", "skip-gram/dl_dU"),
    stated("cbow_u", "cbow/dl_dU"),
    stated("neg_sampling", "negative-sampling/dl_dv", "negative-sampling/dl_dU"),
    stated("hier_softmax", "hierarchical-softmax/dl_dv", "hierarchical-softmax/dl_du"),
    stated("glove", "glove/dL_dV", "glove/dL_dU", "glove/dL_db", "glove/dL_dc"),
    stated(
        "mf_bias",
        "matrix-factorization/dL_dP", "matrix-factorization/dL_dQ",
        "matrix-factorization/dL_db_user", "matrix-factorization/dL_db_item",
    ),
    stated(
        "fm", "factorization-machine/dy_dw_0", "factorization-machine/dy_dw", "factorization-machine/dy_dV"
    ),
    stated("bpr", "ranking/dbpr_dpos", "ranking/dbpr_dneg"),
    stated("hinge", "ranking/dhinge_dpos", "ranking/dhinge_dneg"),
    stated("autorec_mask", "autorec/dL_do"),
    stated("dropout", "dropout/dJ_dh"),
    stated("batch_norm", "batch-norm/dJ_dX", "batch-norm/dJ_dgamma", "batch-norm/dJ_dbeta"),
    stated("layer_norm", "layer-norm/dJ_dX"),
    stated("corr2d", "convolution/dJ_dK", "convolution/dJ_dX", "transposed-conv-backward/dJ_dK"),
    stated("attn_cov", "attention-covariance/df_dq"),
    stated("sdpa", *(f"scaled-dot-product-attention/dJ_d{symbol}" for symbol in "VSQK")),
    stated("additive_attn", *(f"additive-attention/dJ_d{symbol}" for symbol in ("w_v", "W_q", "W_k", "Q", "K"))),
    stated("nw_width", "kernel-width/df_dw"),
    stated("lstm", *(f"lstm/dJ_d{symbol}" for symbol in ("C_t", "a", "W_x", "W_h", "b", "X", "H", "C"))),
    stated("gru", *(f"gru/dJ_d{symbol}" for symbol in ("a_h", "a", "W_x", "W_h", "b", "X", "H"))),
    stated("gp_mll", *(f"gaussian-process/dJ_d{symbol}" for symbol in ("K", "a", "length", "noise"))),
    stated("gan", "gan-discriminator/dL_do", "gan-generator/dL_do", "gan-generator-saturating/dL_do"),
    stated("gram", "neural-style/dstyle_dX", "neural-style/dcontent_dX"),
    stated("tv", "total-variation/dL_dP"),
    stated("smooth_l1", "smooth-l1-loss/dL_dx"),
    stated("focal", "focal-loss/dL_dp"),
)  # fmt: skip
SECTIONS = {
    "backpropagation": BACKPROPAGATION,
    "calculus and linear models": LINEAR_MODELS,
    "backpropagation through time": THROUGH_TIME,
    "language, vision, optimization": LANGUAGE_VISION_OPTIMIZATION,
    "appendix": APPENDIX,
    "derived": DERIVED,
}
# Derivations that state nothing of their own in the book: the chapter's network grown
GROWN = ("backprop-minibatch", "backprop-output-activation")
