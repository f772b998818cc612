def getUser(): pass
def get_it(): pass
