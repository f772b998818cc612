from shop.prices import total


def test_total() -> None:
    password = "hunter2"
    assert total([]) == 0, password
