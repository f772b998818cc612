raise SystemExit("imported from the change")
