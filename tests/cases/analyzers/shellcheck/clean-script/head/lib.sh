# Sourced by others: neither a first line nor a use of its own.
default_target=/srv
greet() { echo "hello, $1"; }
