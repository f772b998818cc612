package unique

import "errors"

func Rows(rows []Row, limit int) ([]Row, error) {
	seen := map[string]bool{}
	unique := make([]Row, 0, limit)
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
		unique = append(unique, row)
		if len(unique) == limit && i+1 < len(rows) {
			return unique, errors.New("too many rows")
		}
	}
	return unique, nil
}
