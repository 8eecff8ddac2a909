package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Turkish is a locale of the C library in which I is the capital of a dotless i:
// where the machine can make it, each server has it. Whatever is folded by the
// locale of a database shows there.
const Turkish = "tr_TR.UTF-8"

// makeLocales compiles Turkish into a folder of the cache, once, and lets the server
// find it there. The caller holds the cache's lock. Nothing is said about a failure:
// only tests want that locale, and PostgreSQL tells them that it is missing.
func makeLocales(cache string) {
	if runtime.GOOS != "linux" {
		return
	}
	dir := filepath.Join(cache, "locale")
	if err := compileLocale(dir, "tr_TR"); err != nil {
		return
	}
	_ = os.Setenv("LOCPATH", dir+":/usr/lib/locale")
}

func compileLocale(dir, name string) error {
	made := filepath.Join(dir, name+".UTF-8")
	if _, err := os.Stat(filepath.Join(made, "LC_CTYPE")); err == nil {
		return nil
	}
	if _, err := os.Stat("/usr/lib/locale/C.utf8"); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("devdb: the server's own locale would not be found: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("devdb: %w", err)
	}
	unfinished := made + ".unfinished"
	_ = os.RemoveAll(unfinished)
	if err := exec.CommandContext(context.Background(), "localedef", "--quiet", "--no-archive", "-i", name, "-f", "UTF-8", unfinished).Run(); err != nil {
		return fmt.Errorf("devdb: localedef: %w", err)
	}
	return os.Rename(unfinished, made)
}
