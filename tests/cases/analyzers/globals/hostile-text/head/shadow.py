x = []
def f(*x, y=(x := [])):
    x.append(1)
