package b

import "testing"

func TestA_b(t *testing.T) {}
