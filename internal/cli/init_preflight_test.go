package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

// A password and keys are shown once: nothing is made by a run that cannot end.
func TestInitFailsBeforeItMakesAnything(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	folder := t.TempDir()
	key, settings := filepath.Join(folder, "key"), filepath.Join(folder, "env")
	for flag, want := range map[string]string{
		"--site-url=shop.example":        "--site-url is not an address",
		"--mail-from=not an address":     "--mail-from is not an address",
		"--smtp-url=http://mail.example": "--smtp-url cannot be used",
		"--mail-from=\"'\" <a@b.co>":     "SESPAN_MAIL_FROM has a line end, or quotes of both kinds",
		"--url-file=" + folder + "/no/u": "--url-file cannot be written",
		"--key-file=" + folder + "/no/k": "--key-file cannot be written",
		"--env-file=" + folder + "/no/e": "--env-file cannot be written",
		"--env-file=" + folder:           "--env-file cannot be written",
	} {
		_, _, err := command(t, "init", "--no-roles", "--dsn="+db.URL, "--key-file="+key, "--env-file="+settings, flag)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("init %s: %v, want %s", flag, err, want)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	var made bool
	if err := db.Pool.QueryRow(t.Context(), `SELECT to_regnamespace('sespan') IS NOT NULL`).Scan(&made); err != nil || made {
		t.Errorf("the schema was made: %t, %v", made, err)
	}
}

// A mount point, or the rest of an earlier try.
func TestInitFillsAnEmptyFile(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustCommand(t, "init", "--no-roles", "--dsn="+db.URL, "--key-file="+key)
	if content, err := os.ReadFile(key); err != nil || !strings.HasPrefix(string(content), "sk_") {
		t.Errorf("the key file holds %q, %v", content, err)
	}
}

// A key file outlives its database on many a developer's machine.
func TestInitNoticesAKeyOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	for i, want := range []string{"is in " + key, "its key is no good in this database"} {
		db := pgtest.EmptyDB(t)
		db.Exec(t, siteTable)
		_, messages, err := command(t, "init", "--no-roles", "--dsn="+db.URL, "--key-file="+key)
		if err != nil || !strings.Contains(messages, want) {
			t.Errorf("database %d: %v\n%s\nwant %q", i, err, messages, want)
		}
	}
}

// Settings of another database stay, and the run that could not hand its own over makes
// nothing.
func TestInitRefusesSettingsOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	settings := filepath.Join(t.TempDir(), "sespan.env")
	first, second := pgtest.EmptyDB(t), pgtest.EmptyDB(t)
	first.Exec(t, siteTable)
	second.Exec(t, siteTable)
	for range 2 {
		mustCommand(t, "init", "--no-roles", "--dsn="+first.URL, "--env-file="+settings)
	}
	before, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = command(t, "init", "--no-roles", "--dsn="+second.URL, "--env-file="+settings)
	if err == nil || !strings.HasPrefix(err.Error(), "--env-file is there already, and its SESPAN_DATABASE_URL leads to database "+first.Name) {
		t.Errorf("%v", err)
	}
	if after, err := os.ReadFile(settings); err != nil || string(after) != string(before) {
		t.Errorf("the settings were changed: %v", err)
	}
	var made bool
	if err := second.Pool.QueryRow(t.Context(), `SELECT to_regnamespace('sespan') IS NOT NULL`).Scan(&made); err != nil || made {
		t.Errorf("the schema was made: %t, %v", made, err)
	}
}

// Another key is no other ring: it could not open what the first one seals.
func TestInitWithAnotherKeyFileMakesNoSecondKeyRing(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	for i, file := range []string{"one", "two"} {
		out := mustCommand(t, "init", "--no-roles", "--dsn="+db.URL, "--key-file="+filepath.Join(t.TempDir(), file))
		if made := strings.Contains(out, "\nSESPAN_SECRET_KEYS="); made != (i == 0) {
			t.Errorf("run %d makes a ring: %t\n%s", i, made, out)
		}
	}
}
