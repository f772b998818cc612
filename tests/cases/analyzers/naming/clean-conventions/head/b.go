package b

func GetUserID(x int) (err error) { return nil }
