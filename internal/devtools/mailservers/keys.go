package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// credentials are what one run signs and encrypts with.
type credentials struct {
	caFile, dkimFile string
	dkimRecord       string // the TXT record
	cert, key        string // of the mail server, PEM
}

func newCredentials(dir string) (k credentials, err error) {
	k.caFile, k.dkimFile = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "dkim.pem")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return k, err
	}
	k.dkimRecord = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	signing, err := privatePEM(private)
	if err != nil {
		return k, err
	}
	authority, caKey, ca, err := certificate(nil, nil)
	if err != nil {
		return k, err
	}
	cert, key, _, err := certificate(authority, caKey)
	if err != nil {
		return k, err
	}
	k.cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	if k.key, err = privatePEM(key); err != nil {
		return k, err
	}
	return k, errors.Join(os.WriteFile(k.dkimFile, []byte(signing), 0o600), os.WriteFile(k.caFile, ca, 0o600))
}

// install puts the mail server's certificate where it looks for it, and for authorities.
func (k credentials) install(r *root) (err error) {
	for _, name := range []string{"etc/relay.crt", "usr/lib/ssl/cert.pem", "etc/ssl/certs/ca-certificates.crt"} {
		err = errors.Join(err, r.write(name, 0o644, k.cert))
	}
	return errors.Join(err, r.write("etc/relay.key", 0o600, k.key))
}

// certificate makes one for this machine, or without a parent an authority.
func certificate(parent *x509.Certificate, parentKey *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey, []byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048) // which every server of these takes
	if err != nil {
		return nil, nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, nil, nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if parent == nil {
		t.Subject.CommonName, t.IsCA, t.BasicConstraintsValid, t.KeyUsage = "Test authority", true, true, x509.KeyUsageCertSign
		parent, parentKey = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

func privatePEM(key any) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}
