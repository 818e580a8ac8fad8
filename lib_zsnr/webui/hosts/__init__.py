"""What only one WebUI has, each behind the same protocol."""
