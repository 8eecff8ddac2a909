"""Against the real sespan; needs SESPAN_BIN (the path of the built binary)."""
