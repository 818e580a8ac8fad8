"""What a checkpoint file says about the model: its header, its stored schedule, the yaml beside it, its metadata."""
