calls = []


def fake(x):
    calls.append(x)
