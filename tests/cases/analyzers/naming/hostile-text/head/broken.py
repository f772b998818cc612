def getUser(:
  (((
class bad_name
