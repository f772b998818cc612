from shop.basket import Basket, label


def test_total():
    assert Basket([5, 6]).total(10) == 10


def test_label():
    assert label("a") == "first"
