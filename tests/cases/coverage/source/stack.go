// Package stack is a stack of numbers.
package stack

import "errors"

// Stack holds numbers.
type Stack struct{ items []int }

// Push adds one.
func (s *Stack) Push(item int) { s.items = append(s.items, item) }

// Pop takes one.
func (s *Stack) Pop() (int, error) {
	if len(s.items) == 0 {
		return 0, errors.New("empty")
	}

	last := len(s.items) - 1
	item := s.items[last]
	s.items = s.items[:last]
	return item, nil
}

// Clear drops all.
func (s *Stack) Clear() {
	// Keep the room.
	s.items = s.items[:0]
}
