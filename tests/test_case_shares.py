"""Quantiles of shares against SciPy's."""

import numpy as np
import pytest
from scipy.special import betainc, betaincinv

from tumen.case.shares import beta_distribution, beta_quantile


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (0.5, 3.5), (3.5, 0.5), (2.5, 12.5), (200.5, 3.5), (5000.5, 9000.5)])
def test_agrees_with_scipy(a, b):
    for p in (0.001, 0.05, 0.5, 0.95, 0.999):
        assert beta_quantile(a, b, p) == pytest.approx(float(betaincinv(a, b, p)), rel=1e-9)
    for share in np.linspace(0, 1, 21):
        assert beta_distribution(a, b, float(share)) == pytest.approx(float(betainc(a, b, share)), abs=1e-10)


@pytest.mark.parametrize(("a", "b", "p"), [(0, 1, 0.5), (1, -1, 0.5), (1, 1, 0), (1, 1, 1.0)])
def test_refuses_what_is_no_distribution(a, b, p):
    with pytest.raises(ValueError, match="expected positive parameters"):
        beta_quantile(a, b, p)
