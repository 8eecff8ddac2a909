// Package config is the settings of Sespan, validated once. Every setting is a flag
// and a variable; a secret can also stand in a file that <VARIABLE>_FILE names. A
// wrong value stops the start with one line that names the variable and what to do.
package config
