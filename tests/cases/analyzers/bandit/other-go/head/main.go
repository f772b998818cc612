package main

func main() { exec(code) }
