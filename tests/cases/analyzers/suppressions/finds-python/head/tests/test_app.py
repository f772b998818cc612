import unittest

import pytest


@pytest.mark.skip
def test_one():
    pass


@pytest.mark.skip(reason="needs a server")
def test_two():
    pass


@unittest.skip("broken on Windows")
def test_three():
    pass
