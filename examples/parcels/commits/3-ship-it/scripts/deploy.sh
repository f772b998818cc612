#!/bin/sh
# Build the image and start it: scripts/deploy.sh VERSION
set -eu

version=$1
docker build --tag "parcels:$version" .
docker run --rm "parcels:$version" north 800
