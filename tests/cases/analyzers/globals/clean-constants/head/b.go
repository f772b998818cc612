package b

var limit = 1

func f() { limit := 2; limit = 3 }
