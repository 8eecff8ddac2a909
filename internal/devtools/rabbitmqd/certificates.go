package rabbitmqd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates of a node: an authority that signed the server's and a client's.
type Certificates struct {
	CAFile, CertFile, KeyFile string // of a client, as settings name them
	Pool                      *x509.CertPool
	Client                    tls.Certificate
}

// Config trusts the node; with a certificate it shows the client's.
func (c Certificates) Config(certificate bool) *tls.Config {
	config := &tls.Config{RootCAs: c.Pool, MinVersion: tls.VersionTLS12}
	if certificate {
		config.Certificates = []tls.Certificate{c.Client}
	}
	return config
}

// authority signs what it is given.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func makeCertificates(dir string) (Certificates, error) {
	ca := authority{certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}}
	c := Certificates{
		CAFile: filepath.Join(dir, "ca.pem"), CertFile: filepath.Join(dir, "client.pem"), KeyFile: filepath.Join(dir, "client.key"),
		Pool: x509.NewCertPool(),
	}
	if err := ca.write(ca.certificate, c.CAFile, filepath.Join(dir, "ca.key")); err != nil {
		return c, err
	}
	c.Pool.AddCert(ca.certificate)
	for name, usage := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth} {
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
			NotBefore: ca.certificate.NotBefore, NotAfter: ca.certificate.NotAfter,
		}
		if err := ca.write(leaf, filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")); err != nil {
			return c, err
		}
	}
	var err error
	c.Client, err = tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	return c, err
}

// write makes a key, signs the certificate (by itself the first time) and puts both into files.
func (a *authority) write(template *x509.Certificate, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	parent, signer := a.certificate, a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	if a.key == nil {
		a.key = key
		if a.certificate, err = x509.ParseCertificate(der); err != nil {
			return err
		}
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}
