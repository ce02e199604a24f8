def towers(config, hidden): return ()
