def test_x(): pass
def helper(): pass
