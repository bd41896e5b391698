"""Files as they lie in real containers: odd pictures, damaged ones, bombs, and what is no picture.

All are built by code, and each has its one right answer. `tests/odd/corpus.py` has them together.
"""
