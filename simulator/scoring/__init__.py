"""How well the detectors of each furniture did against the world's truth."""
