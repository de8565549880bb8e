"""The objects that every node has."""
