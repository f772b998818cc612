def small():
    return 1
