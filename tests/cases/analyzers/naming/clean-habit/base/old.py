def getOne(): return 1
def getTwo(): return 2
def good(): return 4
