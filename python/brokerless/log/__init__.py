"""Log records on the network: `handlers` publishes them, `python -m brokerless.log URL` shows them in a terminal."""
