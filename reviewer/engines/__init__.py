"""The models that may take part in a review, one a file."""
