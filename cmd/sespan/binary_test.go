package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programMagics begin the programs of Linux, macOS and Windows.
var programMagics = [][]byte{{0x7f, 'E', 'L', 'F'}, {0xcf, 0xfa, 0xed, 0xfe}, {'M', 'Z'}}

func isProgram(head []byte) bool {
	for _, magic := range programMagics {
		if bytes.HasPrefix(head, magic) {
			return true
		}
	}
	return false
}

// `go build` of one package leaves its program in the current folder, and `git add -A`
// takes it along for ever. Without git's list (an unpacked archive) every file counts
// that lies in the root, where such a program would be.
func TestNoProgramIsCommitted(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		t.Fatal(err)
	}
	git := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z")
	if listed, err := git.Output(); err == nil {
		paths = nil
		for path := range bytes.SplitSeq(bytes.TrimRight(listed, "\x00"), []byte{0}) {
			paths = append(paths, filepath.Join(root, string(path)))
		}
	}
	read := 0
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil { // a folder, or deleted and not yet committed
			continue
		}
		read++
		if isProgram(raw) {
			t.Errorf("%s is a program: git rm --cached it", path)
		}
	}
	if read < 10 {
		t.Errorf("only %d files were looked at", read)
	}
}

func TestIsProgram(t *testing.T) {
	t.Parallel()
	if !isProgram([]byte("\x7fELF\x02")) || isProgram([]byte("package main")) || isProgram(nil) {
		t.Error("programs are told apart by their first bytes")
	}
}
