#!/bin/sh
cat $1
[ -n $1 ] && exit 1
