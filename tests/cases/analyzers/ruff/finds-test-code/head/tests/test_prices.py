import pickle


def test_total():
    assert pickle.loads(pickle.dumps(1)) == 1
    assert totl([]) == 0
