package stack

import "testing"

func TestPop(t *testing.T) {
	s := &Stack{}
	s.Push(3)
	if item, err := s.Pop(); err != nil || item != 3 {
		t.Fatal(item, err)
	}
}
