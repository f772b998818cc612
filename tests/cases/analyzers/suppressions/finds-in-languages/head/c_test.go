package c

import "testing"

func TestA(t *testing.T) {
	t.Skip()
}

func TestB(t *testing.T) {
	t.Skip("flaky on arm64")
}
