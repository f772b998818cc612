def test():
    assert 1
