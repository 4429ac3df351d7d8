"""Examples by hand: a bag of words with a word twice, and a transposed convolution of two by two numbers."""

import jax.numpy as jnp
import numpy as np

from manual_bp.book import transposed_conv, word2vec


def test_a_word_that_stands_twice_in_the_context_has_both_shares():
    gradient = word2vec.CBOW.gradient("E", "U")
    E, U = np.eye(3, 2), np.zeros((3, 2))
    U[0] = [3.0, 0.0]
    found = gradient(E=E, U=U, context=np.array([1, 1]), c=0)
    likelihoods = np.exp([0.0, 0.0, 0.0]) / 3  # the mean vector is (0, 1), at a right angle to all centers
    share = (U[0] - likelihoods @ U) / 2
    np.testing.assert_allclose(found["E"], [[0, 0], 2 * share, [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(found["U"], np.outer(np.eye(3)[0] - likelihoods, [0, 1]), rtol=1e-6)


def test_a_transposed_convolution_and_the_backward_pass_of_a_convolution():
    square = jnp.array([[0.0, 1.0], [2.0, 3.0]])
    expected = [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
    assert np.array_equal(transposed_conv.trans_conv(square, square), expected)
    found = transposed_conv.CONVOLUTION.gradient("X")(
        X=np.ones((3, 4)), K=np.pad(square, ((0, 0), (0, 1))), dJ_dY=square
    )
    assert np.array_equal(found["X"], np.pad(expected, ((0, 0), (0, 1))))
