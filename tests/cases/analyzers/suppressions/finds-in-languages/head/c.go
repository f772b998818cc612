package c

func F() {
	g() //nolint:errcheck // cannot fail
	h() // #nosec G401
	//nolint
}
