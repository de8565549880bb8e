"""The version of the node's software, as resource 3/0/3 tells it."""

VERSION = "0.1.0"
MANUFACTURER = "Faubourg"
