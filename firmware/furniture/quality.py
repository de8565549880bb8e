"""Measurement Quality Indicator, resource 6042 of the uCIFI and IPSO objects."""

UNCHECKED = 0
REJECTED = 1
PROBABLY_REJECTED = 2
SUSPICIOUS = 3
ACCEPTED = 4
