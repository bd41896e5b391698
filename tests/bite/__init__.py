"""Whether the tests bite: each protection is switched off, and then a test must go red."""
