"""What a person saved for a checkpoint."""
