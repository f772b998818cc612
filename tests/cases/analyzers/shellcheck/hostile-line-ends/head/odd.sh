#!/bin/bash
echo "abcâ€¨d"; echo "ÿþ ðŸ˜€" $1
rm $2