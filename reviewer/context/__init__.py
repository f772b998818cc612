"""Which code the model sees: the change in units, the riskiest first."""
