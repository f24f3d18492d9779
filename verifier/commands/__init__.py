"""What the public side's command line does; `verifier.cli` reads the environment and calls it."""
