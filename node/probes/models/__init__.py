"""node/probes/models: which models lie on this machine's disks, and which are loaded.

Start at `files.py` (one model, by its header), then `stores.py` (the folders in which Hugging Face,
Ollama and LM Studio keep theirs) and `servers.py` (who serves what, on loopback alone). Files are
read by their headers, never loaded; every name, answer and count is a stranger's and has a limit.
"""
