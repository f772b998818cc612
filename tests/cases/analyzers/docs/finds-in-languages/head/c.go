package c

// Get says it.
func Get() {}

func Put() {}

func (s *Shop) Price() int { return 1 }

func (s Shop) String() string { return "" }

type Shop struct{}
