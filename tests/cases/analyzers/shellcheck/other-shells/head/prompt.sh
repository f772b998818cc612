#!/usr/bin/env zsh
print -P %F{red}$1
