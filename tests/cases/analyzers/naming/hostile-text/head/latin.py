# ÿş
def état(): pass
def getUser(): pass
