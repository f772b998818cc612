s = """
# nosec
# noqa
"""
