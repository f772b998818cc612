import os
import subprocess


def listing(name):
    subprocess.run("ls " + name, shell=True)
    return eval(name)
