// Command configdoc writes docs/configuration.md from the settings of the command line
// as they stand in the program: a setting that is not in the page does not exist.
//
//	go run ./internal/devtools/configdoc > docs/configuration.md
package main
