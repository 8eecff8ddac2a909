package dkim

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func keyFile(t *testing.T, kind string, der []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask may have taken bits away
		t.Fatal(err)
	}
	return path
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestReadKey(t *testing.T) {
	t.Parallel()
	long, _ := rsa.GenerateKey(rand.Reader, 2048)
	short, _ := rsa.GenerateKey(rand.Reader, 1024)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	curve, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for name, c := range map[string]struct{ path, wrong string }{
		"rsa":       {keyFile(t, "PRIVATE KEY", pkcs8(t, long), 0o600), ""},
		"pkcs1":     {keyFile(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(long), 0o640), ""},
		"ed25519":   {keyFile(t, "PRIVATE KEY", pkcs8(t, ed), 0o400), ""},
		"world":     {keyFile(t, "PRIVATE KEY", pkcs8(t, ed), 0o644), "chmod 600"},
		"short":     {keyFile(t, "PRIVATE KEY", pkcs8(t, short), 0o600), "1024 bits, 2048 are the least"},
		"ecdsa":     {keyFile(t, "PRIVATE KEY", pkcs8(t, curve), 0o600), "neither RSA nor Ed25519"},
		"encrypted": {keyFile(t, "ENCRYPTED PRIVATE KEY", []byte{1}, 0o600), "without a passphrase"},
		"public":    {keyFile(t, "PUBLIC KEY", []byte{1}, 0o600), "openssl genpkey"},
		"broken":    {keyFile(t, "PRIVATE KEY", []byte{1}, 0o600), "openssl genpkey"},
		"missing":   {"/no/such/key", "no such file"},
		"no PEM":    {keyFile(t, "", nil, 0o600), "openssl genpkey"},
	} {
		_, err := ReadKey("s", c.path)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
}

func TestKeyIsInTheRecordsOfDNS(t *testing.T) {
	t.Parallel()
	k := rsaKey(t)
	bare := "p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(k.private.Public().(*rsa.PublicKey)))
	for answer, well := range map[string]bool{k.Record(): true, bare: true, edKey(t).Record(): false, "v=DKIM1; p=": false} {
		if k.In([]string{"v=spf1 -all", answer}) != well {
			t.Errorf("%.40s: not %v", answer, well)
		}
	}
	if k.In(nil) {
		t.Error("found in nothing")
	}
}
