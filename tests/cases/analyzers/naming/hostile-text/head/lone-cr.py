x = 1
def getUser(): passdef getOther(): pass
