"""Where the host keeps a person's files. The double gives every start a folder of its own (boot.Host)."""

data_path = "."
