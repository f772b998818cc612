package b

import "testing"

func TestA(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
}
