import os
import pickle


def test_run(name):
    assert pickle.loads(pickle.dumps(1)) == 1
    os.system("job " + name)
