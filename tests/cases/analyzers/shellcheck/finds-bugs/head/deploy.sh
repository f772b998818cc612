#!/bin/bash
target=$1
cd build
rm -rf $target/old "$target/"*
cp $target/a $target/b
if [ -n $target ]; then
    echo "to $target"
fi
for name in $(ls *.txt); do
    echo "$name"
done
gcc $CFLAGS main.c
find . -name '*.bak' -exec sh -c 'rm {}' \;
