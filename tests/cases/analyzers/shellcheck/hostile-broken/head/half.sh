#!/bin/bash
if [ a; then
  rm $1
