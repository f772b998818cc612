#!/bin/bash
set -e
target=$1
rm -rf "$target"
