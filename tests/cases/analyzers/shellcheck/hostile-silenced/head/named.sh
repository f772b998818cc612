#!/bin/bash
# shellcheck disable=SC2086
rm -rf $2
#	shellcheck  disable=SC2070,all
[ -n $1 ]
