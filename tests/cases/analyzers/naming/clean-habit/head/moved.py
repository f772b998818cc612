def movedName(): return 5
