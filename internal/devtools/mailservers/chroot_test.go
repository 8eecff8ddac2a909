package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestPackagesStayInTheirRoot: neither unpacking a package nor writing to it follows a
// link of the package to this machine's own files.
func TestPackagesStayInTheirRoot(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), filepath.Join(t.TempDir(), "root")
	ours := filepath.Join(outside, "ca.crt")
	if err := os.WriteFile(ours, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.untar(tarball(t, tar.Header{Name: "./usr/", Typeflag: tar.TypeDir, Mode: 0o755},
		tar.Header{Name: "./usr/cert.pem", Typeflag: tar.TypeSymlink, Linkname: ours},
		tar.Header{Name: "./usr/certs", Typeflag: tar.TypeSymlink, Linkname: outside},
		tar.Header{Name: "./usr/share/doc", Typeflag: tar.TypeReg},
		tar.Header{Name: "./usr/tool", Typeflag: tar.TypeReg, Mode: 0o2755},
		tar.Header{Name: "./usr/same", Typeflag: tar.TypeLink, Linkname: "./usr/tool"})); err != nil {
		t.Fatal(err)
	}
	if err := r.write("usr/cert.pem", 0o644, "theirs"); err != nil {
		t.Error(err)
	}
	if err := r.write("usr/certs/ca.crt", 0o644, "theirs"); err == nil {
		t.Error("a file was written through a link to a folder outside")
	}
	if err := r.untar(tarball(t, tar.Header{Name: "./usr/certs/ca.crt", Typeflag: tar.TypeReg})); err == nil {
		t.Error("a file was unpacked through a link to a folder outside")
	}
	for name, want := range map[string]string{ours: "ours", r.at("usr/cert.pem"): "theirs"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	tool, err := r.Stat("usr/same")
	if err != nil || tool.Mode() != 0o755|os.ModeSetgid {
		t.Errorf("usr/same: %v, %v", tool, err)
	}
	if _, err := r.Lstat("usr/share"); err == nil {
		t.Error("documentation was unpacked")
	}
}

func tarball(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range headers {
		if err := w.WriteHeader(&headers[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}
