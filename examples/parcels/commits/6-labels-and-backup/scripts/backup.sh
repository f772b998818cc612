#!/bin/sh
# Copy the database to another folder: scripts/backup.sh FOLDER
set -eu

folder=$1
day=$(date +%F)
mkdir -p "$folder"
cp parcels.db $folder/"parcels-$day.db"
