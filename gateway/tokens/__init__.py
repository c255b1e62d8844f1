"""Signed statements: customers' tokens, which are verified, and price tokens, which are issued."""
