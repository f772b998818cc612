# one line for gitundefined()
x = 1
also_undefined()
again_undefined()
