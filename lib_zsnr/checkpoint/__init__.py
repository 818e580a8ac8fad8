"""What a checkpoint file says of itself: its header, its stored schedule, the yaml beside it, its metadata."""
