package main

import "io"

func printTypes(out io.Writer, folder string) error { return nil }
