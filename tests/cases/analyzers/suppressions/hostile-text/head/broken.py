def f(:
  (((  # nosec
