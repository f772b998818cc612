import os
undefined()
