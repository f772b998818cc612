"""Keeps track of parcels."""
