import sys

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_fork():
    pass


def test_data():
    if not sys.argv:
        pytest.skip("no data")
