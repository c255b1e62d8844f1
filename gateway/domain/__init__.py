"""What stock means: levels, salable figures, spans, delivery promises, freshness.

Pure: no clock, no await, no environment. Time comes in as an argument, figures as values.
"""
