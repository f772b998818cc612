#!/bin/bash
[ -n $1 ]
