"""Names that somebody else chose, or that follow the convention."""

import ast
import unittest
from http.server import BaseHTTPRequestHandler
from typing import TypeVar

T = TypeVar("T")
UserId = int
MAX_SIZE = 3
_private = {}


class HTTPHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        contentType = self.headers
        return contentType


class Walker(ast.NodeVisitor):
    def visit_Name(self, node):
        return node


class Case(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None


class cached_property:
    def __get__(self, instance, owner):
        return self


def fit(X_train, y, dX, nT):
    for _ in X_train:
        pass
    Model = type("Model", (), {})
    userName = y["userName"]
    return Model, userName, dX, nT


def __getattr__(name):
    return name
