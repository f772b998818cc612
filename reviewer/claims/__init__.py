"""How far the model is believed: its quotes and its words are held against the code."""
