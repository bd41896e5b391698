"""Boxes that recur at one place of one camera: most are a stone or a branch, and no animal."""
