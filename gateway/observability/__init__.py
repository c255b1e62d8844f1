"""What a worker tells of itself: logs and metrics. Serves every layer, knows none."""
