import os

DEBUG = False
TIMEOUT = 30
