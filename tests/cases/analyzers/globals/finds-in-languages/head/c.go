package c

var total, limit = 0, 1
var once sync.Once
var client *Client

func init() { limit = 2 }

func Add(limit int) {
	total += limit
	limit = 3
	once.Do(func() { client = New() })
}
