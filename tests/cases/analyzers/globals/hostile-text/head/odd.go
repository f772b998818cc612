package p
var ÿ = 1
func f() { ÿ = 2 }
