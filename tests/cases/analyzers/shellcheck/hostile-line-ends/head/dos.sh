#!/bin/bash
echo one
echo $1
