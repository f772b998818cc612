#!/bin/sh
echo `cat $VERSION_FILE`
