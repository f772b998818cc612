package store

const MAX_ITEMS = 10

func Get_User(user_id int) int {
	return user_id
}

type user_row struct{ Id int }
