def skip(previous):
    # Ignore the previous value and go on with the next instruction.
    return previous.next
