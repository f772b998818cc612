package rows

import "errors"

func Unique(rows []Row, limit int) ([]Row, error) {
	seen := map[string]bool{}
	kept := make([]Row, 0, limit)
	for i, row := range rows {
		if row.Key == "" {
			return nil, errors.New("a row has no key")
		}
		if seen[row.Key] {
			continue
		}
		seen[row.Key] = true
		switch {
		case row.Size > limit:
			row.Size = limit
		case row.Size < 0:
			row.Size = 0
		}
		kept = append(kept, row)
		if len(kept) == limit && i+1 < len(rows) {
			return kept, errors.New("too many rows")
		}
	}
	return kept, nil
}
