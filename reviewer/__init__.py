"""Review a change on hardware you control."""
