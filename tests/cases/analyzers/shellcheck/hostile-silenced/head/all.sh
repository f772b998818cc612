#!/bin/bash
# shellcheck disable=all
[ -n $1 ] && rm -rf $2
