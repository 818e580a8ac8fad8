"""What the panel and the routes ask of the WebUI, and the other ways in: grid, prompt tag, pasted parameters."""
