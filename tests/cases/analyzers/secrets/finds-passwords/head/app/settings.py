import os

DEBUG = False
db_password = "Winter-2024-snow!"
TIMEOUT = 30
