"""The world around the furniture: it knows the truth that sensors only measure."""
