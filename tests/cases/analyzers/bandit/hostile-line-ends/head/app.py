# one line for gitexec(code)
x = 1
exec(code)
