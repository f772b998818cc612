"""What the reviewer costs beside its peers, both sides measured in one run."""
