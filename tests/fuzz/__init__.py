"""Fuzzing: what takes input from outside is given input that a fuzzer makes up.

Each target is a module with `check(data)`, which raises where something is wrong, and `seeds()`.
"""
