"""Dense layers in their one form."""

from tests.export.passes.graphs import chain, cleaned, normal


def test_product_and_sum_become_one_gemm() -> None:  # rule 1
    model = chain(("MatMul", [normal(6, 4)], {}), ("Add", [normal(4, seed=1)], {}), shape=(6,))
    assert cleaned(model) == {"Gemm": 1}


def test_transposed_weights_are_turned() -> None:  # rule 2, without which the scale would not fold
    model = chain(("Gemm", [normal(4, 6), normal(4)], {"transB": 1}), ("Mul", [normal(4, seed=2)], {}), shape=(6,))
    assert cleaned(model) == {"Gemm": 1}


def test_another_gemm_and_a_product_of_pictures_stay() -> None:
    assert cleaned(chain(("Gemm", [normal(6, 4)], {"alpha": 0.5}), shape=(6,))) == {"Gemm": 1}
    assert cleaned(chain(("MatMul", [normal(6, 4)], {}), shape=(3, 6))) == {"MatMul": 1}
