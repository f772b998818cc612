def price(n):
    a = n
    b = a
    c = b
    d = c
    e = d
    f = e
    g = f
    h = g
    i = h
    return i
