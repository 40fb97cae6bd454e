import pytest

from nasc_search.calibrate.fit import fit
from tests.calibrate import synthetic


@pytest.fixture(scope="module")
def models():
    """Of a board and an edge server."""
    return fit(synthetic.profile(1))[0], fit(synthetic.profile(2, scale=1.0))[0]
